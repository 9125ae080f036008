"""The real world: the only place where sockets, processes, files and the clock are touched."""
