"""A stand-in for kernel and agent, to test the lab without them: one image that both nodes can
reach.

A serves at once; B serves as soon as A answers no ping any more. There is no mirror and no VRRP.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

from hafailover.lab.node_files import NodeFiles
from hafailover.lab.ufs import FileDevice, MountedFilesystem


async def _call(*words: str) -> int:
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait()


async def _until_a_is_silent() -> None:
    silent = 0
    while silent < 3:
        answered = await _call("ping", "-c1", "-W1", "10.10.10.1") == 0
        silent = 0 if answered else silent + 1
        await asyncio.sleep(0.05)


async def _serve(files: NodeFiles, address: str) -> None:
    files.control_door.parent.mkdir()
    files.control_door.touch()
    if socket.gethostname() == "B":
        await _until_a_is_silent()
    device = FileDevice(files.images / "sites.img", spared=512)
    mounted = MountedFilesystem(device, files.mount_point)
    await mounted.start()
    await _call(str(files.programs / "lab-workload"), "start")
    await _call("ifconfig", "lnc1", "inet", f"{address}/32", "alias")
    await asyncio.Event().wait()


asyncio.run(_serve(NodeFiles(root=Path(sys.argv[1])), sys.argv[2]))
