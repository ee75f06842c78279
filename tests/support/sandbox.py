"""Runs a command within the limits that a unit for systemd sets, where there is no systemd to do it.

python sandbox.py UNIT HOME COMMAND ...

HOME is what the unit's ReadWritePaths= names. It needs root, as systemd does, and libseccomp, which systemd
has. Of the unit's options these are applied: ProtectSystem=strict, ReadWritePaths=, PrivateTmp=,
NoNewPrivileges=, CapabilityBoundingSet=, MemoryDenyWriteExecute= (not of processes that it starts),
RestrictAddressFamilies=, SystemCallFilter= and
SystemCallErrorNumber=EPERM. Before the command starts, what each forbids is tried, and must fail. The exit
status is 77, and the reason on stderr, if the machine cannot set the limits.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

CANNOT: Final = 77

_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_EQUAL: Final = 4
_FAMILIES: Final = 46
_MS_REMOUNT, _MS_BIND, _MS_RDONLY, _MS_REC, _MS_PRIVATE = 32, 4096, 1, 16384, 1 << 18
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE = 24, 38, 65
_CLONE_NEWNS: Final = 0x00020000

LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Compared(ctypes.Structure):
    """libseccomp's scmp_arg_cmp."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def settings(unit: Path) -> dict[str, list[str]]:
    """The options of a unit's service; those that are repeated have several values."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def cannot(what: str) -> NoReturn:
    """End because the machine cannot do it."""
    sys.stderr.write(f"{what}: {os.strerror(ctypes.get_errno())}\n")
    sys.exit(CANNOT)


def expect(what: str, status: int) -> None:
    """End unless a call of the C library succeeded."""
    if status != 0:
        cannot(what)


def read_only_but(*writable: Path) -> None:
    """Make every file system read-only for this process, except these directories."""
    if LIBC.unshare(_CLONE_NEWNS) != 0:
        cannot("unshare")
    expect("private mounts", LIBC.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines()]
    for where in map(os.fsencode, writable):
        expect("bind", LIBC.mount(where, where, None, _MS_BIND, None))
    for point in dict.fromkeys(points):
        if not point.startswith(("/proc", "/sys", "/dev")):
            path = point.encode().decode("unicode_escape").encode()
            expect(point, LIBC.mount(None, path, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None))


def expanded(names: list[str]) -> set[str]:
    """The system calls of a filter's words, groups among them."""
    found: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        listed = subprocess.run(
            [shutil.which("systemd-analyze") or "", "syscall-filter", name],
            capture_output=True,
            text=True,
            check=True,
        )
        rows = [line.strip() for line in listed.stdout.splitlines()[1:]]
        found |= expanded([row for row in rows if row and not row.startswith("#")])
    return found


def filtered(calls: set[str], families: list[str]) -> None:
    """Let this process make these system calls only, and sockets of these families."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    add: Any = seccomp.seccomp_rule_add_array
    add.argtypes = (
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Compared),
    )  # fmt: skip

    def load(default: int, rules: Callable[[int], None]) -> None:
        context = seccomp.seccomp_init(ctypes.c_uint32(default))
        rules(context)
        expect("seccomp_load", seccomp.seccomp_load(ctypes.c_void_p(context)))

    def allowed_calls(context: int) -> None:
        for name in calls:
            number = seccomp.seccomp_syscall_resolve_name(name.encode())
            if number >= 0:  # those of other processors have none here
                expect(name, add(context, _ALLOW, number, 0, None))

    def refused_families(context: int) -> None:
        kept = {int(getattr(socket, family)) for family in families}
        number = seccomp.seccomp_syscall_resolve_name(b"socket")
        for family in set(range(_FAMILIES)) - kept:
            compared = Compared(0, _EQUAL, family, 0)
            expect("socket", add(context, _ERRNO | errno.EAFNOSUPPORT, number, 1, ctypes.byref(compared)))

    load(_ALLOW, refused_families)
    load(_ERRNO | errno.EPERM, allowed_calls)


def fails(wanted: int, attempt: Callable[[], object]) -> None:
    """End unless an attempt fails with that error."""
    try:
        attempt()
    except OSError as error:
        if error.errno == wanted:
            return
        sys.exit(f"another error than {errno.errorcode[wanted]}: {error}")
    sys.exit("the sandbox lets through what it should not")


def call(name: str, *arguments: object) -> None:
    """A call of the C library. Raises OSError."""
    if getattr(LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def main(unit: str, home: str, *command: str) -> None:
    """Set the limits, try them, and become the command."""
    options = settings(Path(unit))
    assert options["ProtectSystem"] == ["strict"]
    assert options["MemoryDenyWriteExecute"] == options["NoNewPrivileges"] == ["yes"]
    assert options["CapabilityBoundingSet"] == [""]
    assert options["SystemCallErrorNumber"] == ["EPERM"]
    words = [word for line in options["SystemCallFilter"] if line[0] != "~" for word in line.split()]
    but = [word for line in options["SystemCallFilter"] if line[0] == "~" for word in line[1:].split()]
    calls = expanded(words) - expanded(but)
    # The private /tmp is another directory here, since the home of a test is in /tmp.
    private = Path(home).parent / "private-tmp"
    private.mkdir()
    os.environ["TMPDIR"] = str(private)
    read_only_but(Path(home), private)
    for capability in range(64):
        LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # those that there are; root has the others no more
    expect("no new privileges", LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    # The command's exec would end the limit on memory's use, so it is set in the command itself.
    filtered(calls, options["RestrictAddressFamilies"][0].split())
    outside = Path(home).parent / "outside"
    fails(errno.EROFS, lambda: outside.write_text("x"))
    fails(errno.EAFNOSUPPORT, lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
    fails(errno.EPERM, lambda: call("mount", None, b"/", None, _MS_REMOUNT, None))
    os.execv(sys.executable, [sys.executable, __file__, "--", *command])  # noqa: S606  # no shell


def without_executable_memory(*command: str) -> None:
    """Refuse memory that is written and executed, and run a module of Python with its arguments."""
    import runpy  # noqa: PLC0415  # only here

    expect("no executable memory", LIBC.prctl(_PR_SET_MDWE, 1, 0, 0, 0))
    fails(errno.EACCES, lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC))
    sys.argv = list(command)
    sys.path[0] = ""
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1] == "--":
        without_executable_memory(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
