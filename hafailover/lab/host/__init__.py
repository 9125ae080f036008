"""The emulated FreeBSD host alive: its kernel as a process, its tools as programs, real ggate.

``python -m hafailover.lab.host.kerneld ROOT NAME`` is one host's kernel; it listens on
``ROOT/var/run/kernel.sock`` and puts its tools into ``ROOT/bin``. ``power_off`` (module ``undo``)
takes back what no disk had yet; ``disturb`` (module ``control``) puts faults into a running host.

This module imports nothing: ggated and the tools start in milliseconds.
"""
