"""The configuration file: one schema, checked whole, turned into the settings of this node."""
