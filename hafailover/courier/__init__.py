"""The process that brings alerts to people, whatever becomes of the agent, the disk or the network."""
