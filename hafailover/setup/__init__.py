"""How does a pair come into being on this host? What is found, and the steps that are left."""
