"""A plugin for pytest: the kernels of nbmake listen on files of their own, not on ports.

usage: python -m pytest -p tools.socket_kernels --nbmake ...

Jupyter looks for free ports, lets them go and hands their numbers to the kernel. Of two kernels
that start at once, one can take the other's port, and that one dies before its first cell.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import nbmake.nb_run
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import default


class SocketKernelManager(AsyncKernelManager):
    """Starts kernels that are reached over Unix sockets in a new folder below the temporary one."""

    @default("transport")
    def _transport_default(self) -> str:
        return "ipc"

    @default("connection_file")
    def _connection_file_default(self) -> str:
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-")
        return str(Path(self._folder.name, "connection.json"))


nbmake.nb_run.NotebookClient = functools.partial(NotebookClient, kernel_manager_class=SocketKernelManager)
