"""What runs on top of the volume in the lab: a writer that can prove what it was promised."""
