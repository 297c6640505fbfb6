"""Takes from a process what a decoder does not need: memory, time, files, the network, other programs."""

import ctypes
import math
import os
import platform
import resource
import time

_MIB = 1024 * 1024
_OPEN_FILES = 64

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

# Instructions of the classic Berkeley packet filter, and what a filter may answer.
_LOAD_WORD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_REFUSE = 0x00050000 | 1  # the call fails with EPERM
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # in struct seccomp_data
_X32_BIT = 0x40000000

# By machine: its AUDIT_ARCH, and the numbers of socket, connect, execve, execveat, ptrace, io_uring_setup.
_SYSTEM_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 425)),
}


def confine_process(*, memory_mib: int) -> bool:
    """Confine this process for good. It keeps what it has open.

    It has at most so much address space, writes into no file, opens few, connects to nothing, starts no program and
    leaves no core.

    Returns:
        Whether system calls are filtered too; on machines whose call numbers are not known here they are not.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for kind, limit in (
        (resource.RLIMIT_AS, memory_mib * _MIB),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(kind, (limit, limit))
    return _filter_system_calls(libc)


def allow_cpu(seconds: float) -> None:
    """Let this process compute for so long from now, rounded up; then the kernel ends it (SIGXCPU)."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), hard))


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction))]


def _filter_system_calls(libc: ctypes.CDLL) -> bool:
    known = _SYSTEM_CALLS.get(platform.machine())
    if known is None:
        return False
    architecture, refused = known
    n_tests = len(refused)
    instructions = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
        # The same calls by other numbers.
        (_JUMP_IF_AT_LEAST, n_tests + 1, 0, _X32_BIT),
        # Jumps over the tests that follow and over the allowance, to the refusal at the end.
        *((_JUMP_IF_EQUAL, n_tests - position, 0, number) for position, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    filters = (_Instruction * len(instructions))(*(_Instruction(*values) for values in instructions))
    program = _Program(len(instructions), filters)
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0))
    return True


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"the process cannot be confined: {os.strerror(number)}")
