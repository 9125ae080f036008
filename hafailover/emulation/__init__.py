"""How does the storage of one FreeBSD host behave? A deterministic model without I/O.

A ``Kernel`` (module ``kernel``) is one host between two boots. It knows md, ggate, gmirror, label,
mounts and UFS states, and the commands that drive them. It reads and writes disks only through a
``FileStore`` (module ``files``), takes the time from its caller and hands out effects::

    kernel = Kernel(KernelConfig(hostname="nodeA", seed=7), files)
    ticket = kernel.execute(("mdconfig", "-a", "-t", "vnode", "-f", "/img/a", "-u", "10"), now)
    for effect in kernel.effects():      # CommandFinished(ticket=..., status=0, stdout="", ...)
        ...
    kernel.tick(now)                     # whenever kernel.deadline() has passed

A command that does not finish at once stays pending until an effect names its ticket; one that
sleeps in the kernel cannot be killed. Programs that are not the kernel's (``ggatec create``,
``ggated``) come out as ``ProgramRequested`` and are answered with ``finish``. Blocks are moved with
``submit`` (answer: ``BlockDone``). A ggate device's requests are fetched with ``gate_fetch`` when
``GateWork`` names its unit, and answered with ``gate_answer``. A mount whose contents somebody else
keeps announces itself with ``FilesystemWork``, answered with ``filesystem_done``.

Inside, every thread of the modelled kernel is a generator that yields what it waits for
(module ``tasks``), so that a taste of a dead ggate stops the event thread here as it does there.
"""
