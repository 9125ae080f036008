"""Shows the state over HTTP, in a process of its own: nothing that is asked of it reaches the agent."""
