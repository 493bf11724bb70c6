"""A plugin for pytest: the kernels of nbmake are forked from a process that has Keras, and use no ports.

usage: python -m pytest -p tools.fork_kernels --nbmake ...

Importing TensorFlow takes as long as the cells of a short chapter. On Linux each worker of pytest does it once, in a
server that forks its kernels; other systems' libraries don't bear that. In the Colab pass kernels start as usual.

Jupyter looks for free ports, lets them go and hands their numbers to the kernel. Of two kernels
that start at once, one can take the other's port, and that one dies before its first cell.
These listen on files of their own.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import tempfile
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import jupyter_client.provisioning.local_provisioner
import nbmake.nb_run
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import default

SHARED = [__name__, "ipykernel.kernelapp", "keras", "sklearn.datasets"]  # what takes long to import


class SocketKernelManager(AsyncKernelManager):
    """Starts kernels that are reached over Unix sockets in a new folder below the temporary one."""

    @default("transport")
    def _transport_default(self) -> str:
        return "ipc"

    @default("connection_file")
    def _connection_file_default(self) -> str:
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-")
        return str(Path(self._folder.name, "connection.json"))


class ForkedKernel(ForkServerProcess):
    """A kernel, with those attributes of a `subprocess.Popen` that Jupyter uses."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], folder: str) -> None:
        """Prepare a kernel with these arguments, in a folder."""
        super().__init__()
        self._arguments, self._folder = arguments, folder
        self.leads = multiprocessing.get_context("forkserver").Event()  # a process group of its own

    def run(self) -> None:
        """Be the kernel, until it is shut down or the server ends."""
        from ipykernel.kernelapp import IPKernelApp

        os.setsid()
        self.leads.set()
        os.chdir(self._folder)
        IPKernelApp.launch_instance([*self._arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self.exitcode

    def wait(self) -> int | None:
        """Wait for its end; the exit status."""
        self.join()
        return self.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


def fork_kernel(command: list[str], cwd: str, **_options: object) -> ForkedKernel:
    """Start the kernel of a command `python -m ipykernel_launcher ...`, in the environment of the first one."""
    kernel = ForkedKernel(command[command.index("ipykernel_launcher") + 1 :], cwd)
    kernel.start()
    while not kernel.leads.wait(1) and kernel.poll() is None:
        pass
    return kernel


def pytest_configure() -> None:
    """Let nbmake use these kernels."""
    if sys.platform == "linux":
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # a kernel's; Keras imports matplotlib
        multiprocessing.get_context("forkserver").set_forkserver_preload(SHARED)
        jupyter_client.provisioning.local_provisioner.launch_kernel = fork_kernel
    nbmake.nb_run.NotebookClient = functools.partial(NotebookClient, kernel_manager_class=SocketKernelManager)
