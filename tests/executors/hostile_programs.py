"""Hostile programs by name. The test fills in `$names`; `attempt` prints the result of a step, or its error.

They are judged by their effect, never by what they print about it: see `test_hostile_programs`.
"""

# ruff: noqa: E501 - short programs are easier to read on one line

from dataclasses import dataclass

PRELUDE = """
def attempt(step, *arguments):
    try:
        print(step(*arguments))
    except BaseException as error:
        print(type(error).__name__)
"""


@dataclass(frozen=True)
class Program:
    """A hostile program. `seconds` is its time limit, which is short if the program will reach it."""

    code: str
    seconds: float = 10


_LIBC = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
"""

READS = {
    "shadow": "attempt(lambda: open('/etc/shadow').read())",
    "passwd through os": "import os\nattempt(lambda: os.read(os.open('/etc/passwd', os.O_RDONLY), 9999))",
    "a secret outside": "attempt(lambda: open('$secret').read())",
    "a secret by a relative path": "attempt(lambda: open('../../../outside/secret.txt').read())",
    "a secret through mmap": "import mmap\nattempt(lambda: mmap.mmap(open('$secret').fileno(), 0, prot=1)[:])",
    "a secret through numpy": "attempt(lambda: np.fromfile('$secret', dtype='S1').tobytes())",
    "a secret through pandas": "attempt(lambda: pd.read_csv('$secret', header=None).to_string())",
    "a secret through the os of pandas": "attempt(lambda: pd.io.common.os.open('$secret', 0))",
    "a secret through arrow": """
import pyarrow.fs
attempt(lambda: pyarrow.fs.LocalFileSystem().open_input_file('$secret').read())""",
    "a secret through sqlite": """
import sqlite3
attempt(lambda: sqlite3.connect('file:$secret?mode=ro', uri=True).execute('select * from sqlite_master').fetchall())""",
    "a secret by sendfile": """
import os
def step():
    with open('$secret') as source, open('copy.txt', 'w') as target:
        os.sendfile(target.fileno(), source.fileno(), 0, 9999)
attempt(step)""",
    "a secret by shutil": "import shutil\nattempt(shutil.copy, '$secret', 'copy.txt')",
    "a secret by libc": f"{_LIBC}attempt(lambda: libc.open(b'$secret', 0))\n"
    "b = ctypes.create_string_buffer(99)\nlibc.read(3, b, 99)\nprint(b.value)",
    "a secret by open_by_handle_at": f"{_LIBC}print(libc.name_to_handle_at(-100, b'$secret', b'x' * 128, b'x' * 8, 0))",
    "the home folder": "import os\nattempt(os.listdir, os.path.expanduser('~root'))\nattempt(os.listdir, '/root')",
    "the engine's folder": "import os\nattempt(os.listdir, '..')\nattempt(os.listdir, '../..')\nattempt(os.listdir, '/')",
    "chdir and look": "import os\nattempt(os.chdir, '$outside')\nattempt(os.listdir)\nattempt(lambda: open('secret.txt').read())",
    "chroot": "import os\nattempt(os.chroot, '$outside')\nattempt(lambda: open('/secret.txt').read())",
    "another workspace": "result_df = pd.read_parquet('$other')",
    "another workspace through its name": "import glob\nfor path in glob.glob('$parent/**', recursive=True):\n    attempt(lambda: open(path, 'rb').read())",
    "a table not given": "result_df = pd.read_parquet('$withheld')",
    "the environment": "import os, ctypes\nprint(os.environ)\nattempt(os.getenv, 'OPENAI_API_KEY')\n"
    "attempt(lambda: ctypes.CDLL(None).getenv(b'OPENAI_API_KEY'))\nattempt(lambda: ctypes.string_at("
    "ctypes.c_void_p.in_dll(ctypes.CDLL(None), 'environ').value, 64))",
    "its own initial environment": "attempt(lambda: open('/proc/self/environ').read())",
    "the engine's environment": "attempt(lambda: open('/proc/$engine/environ').read())",
    "every environment": """
for pid in range(1, 40000):
    try:
        print(open(f'/proc/{pid}/environ').read())
    except OSError:
        pass""",
    "the engine's command line": "attempt(lambda: open('/proc/$engine/cmdline').read())",
    "the engine's open files": "import os\nfor fd in range(64):\n    attempt(lambda: open(f'/proc/$engine/fd/{fd}', 'rb').read(64))",
    "the engine's memory": "attempt(lambda: open('/proc/$engine/mem', 'rb'))\nattempt(lambda: open('/proc/$engine/maps').read())",
    "its parent's memory": "import os\nattempt(lambda: open(f'/proc/{os.getppid()}/mem', 'rb').read(1))",
    "its own memory": "attempt(lambda: open('/proc/self/mem', 'r+b'))",
    "process_vm_readv": f"""{_LIBC}
class Vec(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(4096)
for pid in ($engine, os.getppid()):
    here, there = Vec(ctypes.addressof(buffer), 4096), Vec(id(libc), 4096)
    print(libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))""",
    "ptrace": f"{_LIBC}print(libc.ptrace(16, $engine, 0, 0), libc.ptrace(16, os.getppid(), 0, 0))\nprint(libc.ptrace(0x4206, $engine, 0, 0))",
    "pidfd_getfd": f"{_LIBC}fd = libc.syscall(434, $engine, 0)\nprint(fd, [libc.syscall(438, fd, n, 0) for n in range(32)])",
    "open descriptors": """
import os
for fd in range(3, 1024):
    try:
        print(fd, os.read(fd, 100), os.write(fd, b'x'))
    except OSError:
        pass""",
    "what the zygote still holds": """
import gc, sys
for thing in gc.get_objects():
    if isinstance(thing, (bytes, str)) and 'sk-' in str(thing): print(thing)
print([str(m) for m in sys.modules if 'setting' in m])""",
    "keys of the kernel": f"{_LIBC}print(libc.syscall(250, 0, -3, 1), libc.syscall(249, b'user', b'x', 0, 0))",
    "the kernel's log": f"{_LIBC}b = ctypes.create_string_buffer(9999)\nprint(libc.klogctl(3, b, 9999), b.value)",
    "a link to a secret": "import os\nattempt(os.symlink, '$secret', 'linked.txt')\nattempt(os.link, '$secret', 'hard.txt')\n"
    "attempt(lambda: open('linked.txt').read())\nattempt(lambda: open('hard.txt').read())",
    "a secret renamed into reach": "import os\nattempt(os.rename, '$secret', 'mine.txt')\nattempt(os.replace, '$outside', 'mine')",
    "a pickle that reads": """
import pickle
class Evil:
    def __reduce__(self):
        return eval, ("open('$secret').read()",)
attempt(lambda: pickle.loads(pickle.dumps(Evil())))""",
    "an expression of pandas": """
frame = pd.DataFrame({'a': [0]})
attempt(frame.query, "@pd.io.common.os.system('cat $secret > copy.txt') == a", engine='python')""",
}

WRITES = {
    "a file outside": "attempt(lambda: open('$outside/evil.txt', 'w').write('evil'))",
    "a file outside by a relative path": "attempt(lambda: open('../../../outside/evil.txt', 'w').write('evil'))",
    "a file in tmp": "attempt(lambda: open('/tmp/cfo-evil-$engine', 'w').write('evil'))\nimport tempfile\nprint(tempfile.gettempdir())",
    "shared memory": "attempt(lambda: open('/dev/shm/cfo-evil-$engine', 'w').write('evil'))\n"
    "from multiprocessing import shared_memory\nattempt(lambda: shared_memory.SharedMemory('cfo', True, 10))",
    "over a secret": "attempt(lambda: open('$secret', 'w').write('evil'))\nattempt(lambda: open('$secret', 'a').write('evil'))",
    "over its own table": "attempt(lambda: open('$table', 'r+b').write(b'evil'))\nattempt(lambda: ledger.to_parquet('$table'))",
    "truncate a secret": "import os\nattempt(os.truncate, '$secret', 0)",
    "delete a secret": "import os, shutil\nattempt(os.unlink, '$secret')\nattempt(shutil.rmtree, '$outside')\nattempt(os.rmdir, '$outside')",
    "move out of scratch": "import os\nopen('mine', 'w').write('evil')\nattempt(os.rename, 'mine', '$outside/evil.txt')",
    "link out of scratch": "import os\nopen('mine', 'w').write('evil')\nattempt(os.link, 'mine', '$outside/evil.txt')\nattempt(os.symlink, 'mine', '$outside/evil')",
    "rights of a secret": "import os\nattempt(os.chmod, '$secret', 0o777)\nattempt(os.chmod, '$outside', 0)\nattempt(os.fchmod, 0, 0o777)",
    "rights by number": f"{_LIBC}print(libc.syscall(90, b'$secret', 0o777), libc.syscall(268, -100, b'$secret', 0o777), libc.syscall(452, -100, b'$secret', 0o777, 0))",
    "owner of a secret": "import os\nattempt(os.chown, '$secret', 1234, 1234)\nattempt(os.lchown, '$secret', 1234, 1234)",
    "times of a secret": "import os\nattempt(os.utime, '$secret', (1, 1))",
    "attributes of a secret": "import os\nattempt(os.setxattr, '$secret', 'user.evil', b'1')",
    "site-packages": "import pandas\nattempt(lambda: open(pandas.__path__[0] + '/evil.py', 'w').write('x'))\n"
    "attempt(lambda: open(pandas.__file__, 'a').write(''))",
    "the standard library": "import os\nattempt(lambda: open(os.path.dirname(os.__file__) + '/evil.py', 'w').write('x'))",
    "a device": "import os\nattempt(os.mknod, 'disk', 0o60666, os.makedev(254, 0))\nattempt(lambda: open('/dev/vda', 'rb').read(512))",
    "a setting of the kernel": "attempt(lambda: open('/proc/sys/kernel/core_pattern', 'w').write('x'))\nattempt(lambda: open('/proc/self/oom_score_adj', 'w').write('-1000'))",
    "its own cgroup": "attempt(lambda: open('/sys/fs/cgroup/cgroup.procs', 'w').write('1'))",
    "mount": f"{_LIBC}print(libc.mount(b'none', b'.', b'tmpfs', 0, None), libc.umount2(b'/', 2), libc.syscall(155, b'.', b'.'))",
    "new namespaces": f"{_LIBC}print(libc.unshare(0x10000000), libc.unshare(0x20000), libc.setns(0, 0))\nattempt(lambda: open('/proc/self/uid_map', 'w'))",
}

NETWORK = {
    "a tcp connection": "import socket\nattempt(lambda: socket.create_connection(('127.0.0.1', $port), 2).send(b'evil'))",
    "a udp packet": "import socket\nattempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'evil', ('127.0.0.1', $port)))",
    "a unix socket": "import socket\nattempt(lambda: socket.socket(socket.AF_UNIX).connect('$unix'))",
    "an abstract socket": "import socket\nattempt(lambda: socket.socket(socket.AF_UNIX).connect('\\0cfo-$port'))",
    "netlink": "import socket\nattempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))",
    "a raw packet": "import socket\nattempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))",
    "a pair of sockets": "import socket\nattempt(socket.socketpair)",
    "a name": "import socket\nattempt(socket.gethostbyname, 'localhost')\nattempt(socket.getaddrinfo, 'example.com', 80)",
    "http": "import urllib.request\nattempt(lambda: urllib.request.urlopen('http://127.0.0.1:$port', timeout=2).read())",
    "http of pandas": "attempt(lambda: pd.read_csv('http://127.0.0.1:$port/evil.csv'))",
    "a server": "import socket\nattempt(lambda: socket.create_server(('127.0.0.1', 0)))",
    "asyncio": "import asyncio\nattempt(lambda: asyncio.run(asyncio.open_connection('127.0.0.1', $port)))",
    "a socket by number": f"{_LIBC}print(libc.syscall(41, 2, 1, 0), libc.syscall(41, 1, 1, 0), libc.syscall(41, 38, 5, 0))",
    "a socket of io_uring": f"{_LIBC}print(libc.syscall(425, 8, ctypes.create_string_buffer(120)))",
    "a socket of the other architecture": f"{_LIBC}print(libc.syscall(0x40000000 + 41, 2, 1, 0))",
}

PROCESSES = {
    "fork": "import os\nattempt(os.fork)",
    "a daemon": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)",
    "fork by number": f"{_LIBC}print(libc.syscall(57), libc.syscall(58), libc.syscall(56, 17, 0, 0, 0, 0), libc.syscall(435, b'x' * 88, 88))",
    "a thread in a new user namespace": f"{_LIBC}print(libc.syscall(56, 0x10010000, 0, 0, 0, 0))",
    "system": "import os\nattempt(os.system, 'echo evil > $outside/evil.txt')\nattempt(lambda: os.popen('id').read())",
    "subprocess": "import subprocess\nattempt(lambda: subprocess.run(['/bin/cat', '$secret'], capture_output=True))",
    "posix_spawn": "import os\nattempt(os.posix_spawn, '/bin/touch', ['touch', '$outside/evil.txt'], {})",
    "multiprocessing": "import multiprocessing as m\nattempt(lambda: m.get_context('fork').Process(target=print).start())\n"
    "attempt(lambda: m.get_context('spawn').Process(target=print).start())",
    "a process pool": "from concurrent.futures import ProcessPoolExecutor as P\nattempt(lambda: P(1).submit(pow, 2, 3).result(2))",
    "execve": "import os\nattempt(os.execv, '/bin/cat', ['cat', '$secret'])\nattempt(os.execv, '/usr/bin/env', ['env'])",
    "execveat of a file in memory": f"{_LIBC}fd = libc.memfd_create(b'x', 0)\nprint(fd)\n"
    "os.write(fd, b'#!/bin/sh\\necho evil > $outside/evil.txt\\n') if fd >= 0 else None\n"
    "print(libc.syscall(322, fd, b'', (ctypes.c_char_p * 2)(b'x', None), None, 0x1000))",
    "execve of its own file": "import os\nopen('run.sh', 'w').write('#!/bin/sh\\necho evil > $outside/evil.txt\\n')\n"
    "attempt(os.chmod, 'run.sh', 0o755)\nattempt(os.execv, './run.sh', ['run.sh'])",
    "a library of its own": "import ctypes\nopen('evil.so', 'wb').write(b'\\x7fELF')\nattempt(ctypes.CDLL, './evil.so')",
    "machine code": """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex('b83900000 00f05c3'.replace(' ', '')))
call = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
print(call())""",
    "kill the engine": "import os, signal\nfor s in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP):\n    attempt(os.kill, $engine, s)",
    "kill the parent": "import os\nattempt(os.kill, os.getppid(), 9)\nattempt(os.killpg, os.getppid(), 9)",
    "kill everyone": "import os\nattempt(os.kill, -1, 9)\nattempt(os.kill, 0, 9)",
    "kill by other calls": f"{_LIBC}print(libc.syscall(200, $engine, 9), libc.syscall(234, $engine, $engine, 9), "
    "libc.syscall(129, $engine, 9, b'x' * 128), libc.syscall(424, 0, 9, 0, 0))",
    "limits of the engine": "import resource\nattempt(resource.prlimit, $engine, resource.RLIMIT_NOFILE, (3, 3))\n"
    "attempt(resource.prlimit, $engine, resource.RLIMIT_CPU, (1, 1))",
    "its own limits": "import resource\nfor limit in range(16):\n    attempt(resource.setrlimit, limit, (-1, -1))\nx = bytearray(3 << 30)",
    "the engine's processors": "import os\nattempt(os.sched_setaffinity, $engine, [0])\nattempt(os.setpriority, 0, $engine, 19)",
    "another user": "import os\nattempt(os.setuid, 0)\nattempt(os.setresuid, 0, 0, 0)\nattempt(os.setgid, 0)\nattempt(os.setgroups, [0])",
    "a module of the kernel": f"{_LIBC}print(libc.syscall(175, b'x', 1, b''), libc.syscall(313, 0, b'', 0), libc.syscall(321, 0, b'x' * 64, 64), "
    "libc.syscall(323, 0), libc.syscall(298, b'x' * 128, 0, -1, -1, 0), libc.syscall(246, 0, 0, 0, 0))",
    "reboot": f"{_LIBC}print(libc.sethostname(b'evil', 4), libc.syscall(227, 0, b'x' * 16), libc.swapoff(b'/x'))",
    "signals to the engine by a file": "import fcntl, os\nattempt(fcntl.fcntl, 0, fcntl.F_SETOWN, $engine)\nattempt(fcntl.fcntl, 0, 10, 9)",
    "loosen its own walls": f"{_LIBC}print(libc.prctl(38, 0, 0, 0, 0), libc.prctl(22, 0, 0, 0, 0), libc.syscall(317, 0, 0, 0), "
    "libc.syscall(446, 0, 0), libc.prctl(1, 0, 0, 0, 0))\nattempt(lambda: open('$secret').read())",
    "keystrokes to a terminal": "import fcntl\nattempt(fcntl.ioctl, 0, 0x5412, b'x')\nattempt(lambda: open('/dev/tty', 'w'))",
}

BOMBS = {
    "spin": Program("while True: pass", 0.5),
    "spin in pow": Program("pow(7, 10 ** 9) % 10", 0.5),
    "spin in a regular expression": Program("import re\nre.match('(a+)+$$', 'a' * 60 + 'b')", 0.5),
    "spin in numpy": Program("a = np.ones((2000, 2000))\nwhile True: a = a @ a", 0.5),
    "spin in itertools": Program("import itertools, collections\ncollections.deque(itertools.repeat(1), maxlen=0)", 0.5),
    "spin in a sum": Program("sum(range(10 ** 13))", 0.5),
    "spin in threads": Program(
        "import threading\ndef spin():\n    while True: pass\nfor _ in range(4): threading.Thread(target=spin).start()\nspin()", 1
    ),
    "spin with signals ignored": Program(
        "import signal\nfor s in range(1, 65):\n    attempt(signal.signal, s, signal.SIG_IGN)\nwhile True: pass", 1
    ),
    "spin and catch everything": Program("while True:\n    try:\n        while True: pass\n    except BaseException: pass", 0.5),
    "spin when it ends": Program("import atexit\nclass End:\n    def __del__(self):\n        while True: pass\nresult_df = End()", 0.5),
    "sleep forever": Program("import time\ntime.sleep(10 ** 6)", 0.5),
    "stop itself": Program("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", 0.5),
    "wait for input": Program("input()", 0.5),
    "wait for a lock": Program("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", 0.5),
    "wait for a pipe": Program("import os\nr, w = os.pipe()\nos.read(r, 1)", 0.5),
    "memory": Program("x = []\nwhile True: x.append(bytearray(10 ** 8))", 5),
    "memory at once": Program("x = np.ones(10 ** 10)", 5),
    "memory in mappings": Program("import mmap\nx = []\nwhile True:\n    x.append(mmap.mmap(-1, 10 ** 8))\n    x[-1].write(b'x' * 10 ** 8)", 5),
    "memory in strings": Program("x = 'x'\nwhile True: x += x", 5),
    "memory in arrow": Program("import pyarrow as pa\nx = pa.array(['x' * 10 ** 8] * 100)", 5),
    "memory in files without names": Program(
        f"{_LIBC}\nwhile True:\n    fd = libc.memfd_create(b'x', 0)\n    os.write(fd, b'x' * 10 ** 8)", 5
    ),
    "memory in shared segments": Program(f"{_LIBC}\nprint(libc.shmget(1, 10 ** 9, 0o1600), libc.msgget(1, 0o1600), libc.semget(1, 9, 0o1600))"),
    "memory in pipes": Program(
        "import os, fcntl\nwhile True:\n    r, w = os.pipe()\n    os.set_blocking(w, False)\n    attempt(fcntl.fcntl, w, 1031, 1 << 20)\n    os.write(w, b'x' * (1 << 20))", 5
    ),
    "a huge whole number": Program("x = 1 << (1 << 40)", 5),
    "threads": Program(
        "import threading, time\nthreading.stack_size(32768)\nn = 0\ntry:\n    while True:\n        threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); n += 1\n"
        "except BaseException: print('threads', n)",
        5,
    ),
    "fork": Program("import os\nwhile True:\n    try: os.fork()\n    except OSError: break", 5),
    "one large file": Program("with open('x', 'wb') as f:\n    while True: f.write(b'x' * 10 ** 6)", 5),
    "many large files": Program("for i in range(10 ** 6):\n    open(f'{i}', 'wb').write(b'x' * 10 ** 7)", 5),
    "large files without names": Program(
        "import os\nfor i in range(10 ** 6):\n    f = open('x', 'wb'); f.write(b'x' * 10 ** 7); f.flush(); os.unlink('x')", 5
    ),
    "files through mappings": Program(
        "import mmap\nfor i in range(10 ** 4):\n    f = open(str(i), 'w+b'); f.truncate(10 ** 7); m = mmap.mmap(f.fileno(), 0); m[:] = b'x' * 10 ** 7; f.close()", 5
    ),
    "allocated files": Program("import os\nfor i in range(10 ** 6):\n    os.posix_fallocate(os.open(str(i), 66), 0, 10 ** 7)", 5),
    "many empty files": Program("for i in range(10 ** 7): open(str(i), 'w').close()", 5),
    "many empty files beside the answer": Program("for i in range(10 ** 7): open(f'.answer/{i}', 'w').close()", 3),
    "folders in folders beside the answer": Program(
        "import os\nos.chdir('.answer')\nwhile True:\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)", 3
    ),
    "many files where they cannot be counted": Program(
        "import os\nos.umask(0o777)\nos.mkdir('d', 0o300)\nfor i in range(10 ** 7): open(f'd/{i}', 'w').close()", 3
    ),
    "folders in folders": Program("import os\nwhile True:\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)", 5),
    "a zip bomb": Program(
        "import zipfile\nwith zipfile.ZipFile('b.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n    for i in range(40): z.writestr(str(i), bytes(5 * 10 ** 6))\n"
        "zipfile.ZipFile('b.zip').extractall()", 5
    ),
    "a gzip bomb": Program("import gzip\nx = gzip.compress(bytes(10 ** 7))\nfor _ in range(12): x = gzip.decompress(x) * 300", 3),
    "deep recursion": Program("def f(): return f()\nf()", 5),
    "recursion without a limit": Program("import sys\nsys.setrecursionlimit(10 ** 9)\nclass A:\n    def __repr__(self): return repr([self])\nrepr(A())", 5),
    "a crash": Program("import ctypes\nctypes.string_at(0)"),
    "an abort": Program("import os\nos.abort()"),
    "much output": Program("for _ in range(10 ** 5): print('x' * 10 ** 5)", 5),
    "much output past Python": Program("import os\nwhile True: os.write(1, b'x' * 10 ** 6)", 5),
    "a huge result": Program("result_df = pd.DataFrame({'a': np.arange(10 ** 7)})", 10),
    "a wide result": Program("result_df = pd.DataFrame(np.zeros((1, 10 ** 5)))", 10),
    "a result of long texts": Program("result_df = pd.DataFrame({'a': ['x' * 10 ** 7]})", 10),
}  # fmt: skip

FORGERIES = {
    "a result that raises": """
class Evil(pd.DataFrame):
    def __getattribute__(self, name): raise BaseException('evil')
result_df = Evil()""",
    "a result that is none": "class Evil:\n    def __getattr__(self, name): raise SystemExit\nresult_df = Evil()",
    "an error whose text fails": "class Evil(Exception):\n    def __str__(self): raise Evil()\nraise Evil()",
    "an error whose text is long": "raise ValueError('x' * 10 ** 8)",
    "an error whose text is no text": "raise ValueError('\\ud800\\x00\\x1b[2J')",
    "an error whose kind is strange": "raise type('E\\ud800' , (BaseException,), {'__str__': lambda s: 1})()",
    "builtins": "import builtins\nbuiltins.len = builtins.open = builtins.isinstance = builtins.print = None",
    "json": "import json\njson.dumps = lambda *a, **k: '{\"stdout\": 1, \"table\": []}'",
    "json of numbers that are none": "import json\njson.dumps = lambda *a, **k: '{\"stdout\": \"\", \"table\": NaN}'",
    "json nested deep": "import json\njson.dumps = lambda *a, **k: '[' * 10 ** 6",
    "json with half a character": "import json\njson.dumps = lambda *a, **k: '{\"stdout\": \"\\\\ud800\"}'",
    "json of a long number": "import json\njson.dumps = lambda *a, **k: '{\"stdout\": ' + '9' * 10 ** 6 + '}'",
    "json of a number without end": "import json\njson.dumps = lambda *a, **k: '{\"stdout\": \"\", \"table\": {\"columns\": "
    "[{\"name\": \"a\", \"type\": \"DOUBLE\"}], \"rows\": [[1e999]], \"row_count\": 1, \"truncated\": false, \"notes\": []}}'\n"
    "result_df = pd.DataFrame({'a': [1.0]})",
    "a signal without a name": "import os\nos.kill(os.getpid(), 40)",
    "an exit": "import os\nos._exit(0)",
    "the exit of a failed confinement": "import os\nos._exit(97)",
    "an exit with words": "import sys\nsys.exit('evil')",
    "an answer and an exit": """
import json, os
open('.answer/answer.json', 'w').write(json.dumps({'stdout': 'x' * 10 ** 6}))
os._exit(0)""",
    "an answer of another shape": """
import os
open('.answer/answer.json', 'w').write('{"stdout": "", "table": {"columns": [], "rows": [[1]], "row_count": -5, "truncated": false, "notes": []}}')
os._exit(0)""",
    "an answer in a pipe": "import os\nos.rmdir('.answer')\nattempt(os.mkfifo, '.answer')\nattempt(os.mkfifo, 'answer.json')\nos._exit(0)",
    "an answer in a folder": "import os\nos.makedirs('.answer/answer.json')\nos._exit(0)",
    "an answer behind a link": "import os\nattempt(os.symlink, '$secret', '.answer/answer.json')\nattempt(os.symlink, '$outside', 'files')\nos._exit(0)",
    "no folder for the answer": "import shutil\nshutil.rmtree('.answer')",
    "a Parquet file that is none": "parquet = __import__('pyarrow.parquet').parquet\nparquet.write_table = lambda t, f, **k: open(f, 'w').write('evil')\nresult_df = ledger",
    "words to the engine": "import os\nfor fd in range(64):\n    try: os.write(fd, b'\\0\\0\\0\\0')\n    except OSError: pass",
    "closed descriptors": "import os\nos.closerange(0, 64)\nprint(1)",
    "names of files": "import os\nfor n in ('a\\nb', 'x\\x1b[2J', '.hidden', '-rf', 'a' * 200, ' ', '\\udcff', '..x', 'con:', '=cmd'):\n"
    "    attempt(lambda: open(n, 'w').write('x'))",
    "rights of its folders": "import os\nos.mkdir('d', 0)\nos.mkdir('e')\nopen('e/f', 'w').close()\nos.umask(0o777)\nos.mkdir('g')",
    "a thread that goes on": "import threading, time\ndef on():\n    while True: open('late.txt', 'a').write('x')\nthreading.Thread(target=on).start()",
    "a trap at the end": "import atexit, sys, threading\natexit.register(lambda: attempt(lambda: print(open('$secret').read())))\nsys.settrace(lambda *a: None)",
    "the finder": "import sys\nsys.meta_path.clear()\nsys.path.insert(0, '$outside')\nattempt(__import__, 'secret')",
    "frames of the caller": """
import sys
frame = sys._getframe()
while frame:
    for value in list(frame.f_locals.values()):
        attempt(lambda: value.close())
        attempt(lambda: value.load())
    frame = frame.f_back""",
}  # fmt: skip

PROGRAMS: dict[str, Program] = {
    f"{group}: {name}": code if isinstance(code, Program) else Program(code)
    for group, programs in {
        "read": READS,
        "write": WRITES,
        "network": NETWORK,
        "process": PROCESSES,
        "bomb": BOMBS,
        "forge": FORGERIES,
    }.items()
    for name, code in programs.items()
}
