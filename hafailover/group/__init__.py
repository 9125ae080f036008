"""One group: joins who owns the address (vrrp) with whose data counts (lineage, storage). Pure."""
