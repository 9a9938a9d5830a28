"""The ground on which a student's program stands when it runs in a browser.

    WAIT      sleep and input: the browser goes on meanwhile, and Stop is a KeyboardInterrupt
    SCREEN    print goes to the page, in batches
    REFUSED   which call the server refused last, what would work, and where that belongs
    RUN       a program from its first line to its last, or to its traceback

`host` is the worker's side of all this: see HOST in worker.js.
"""
import ast
import atexit
import builtins
import io
import linecache
import os
import random
import sys
import time
import traceback
import types

from js import host
from pyodide.ffi import can_run_sync, run_sync

HOME = os.environ['HOME']
server = ''                        # the address of the game, without a slash at the end
WORLD = set(sys.modules)           # what was imported before the student's program came


# --- WAIT ----------------------------------------------------------------------------------------

class Turn:
    """Whose turn it is: one thread runs, another one only where that one waits. See threads.py."""
    thread = 1


def wait(promise):
    """What the browser has promised, or a KeyboardInterrupt when Stop comes first."""
    SCREEN.flush()
    thread = Turn.thread
    value = run_sync(promise)
    Turn.thread = thread
    if value == host.STOPPED:
        raise KeyboardInterrupt
    return value


def sleep(seconds):
    if seconds < 0:
        raise ValueError('sleep length must be non-negative')
    if can_run_sync():
        wait(host.nap(seconds * 1000))
    else:
        SCREEN.flush()
        host.nap_here(seconds * 1000)


def read_line():
    """A line that somebody types, without its end; None when there will be no more."""
    SCREEN.flush()
    return wait(host.line()) if can_run_sync() else host.line_here()


def ask(prompt=''):
    """What input() does."""
    SCREEN.write(str(prompt))
    line = read_line()
    if line is None:
        raise EOFError('the input has ended')
    return line


class Keyboard(io.TextIOBase):
    """sys.stdin"""

    def readline(self, size=-1):
        line = read_line()
        return '' if line is None else line + '\n'

    def read(self, size=-1):
        return ''.join(self)

    def readable(self):
        return True


# --- SCREEN --------------------------------------------------------------------------------------

class Screen(io.TextIOBase):
    """sys.stdout. A message for each print would freeze the page: what comes fast goes together."""
    AT_ONCE = 20                   # so many writes in a row are shown each by itself,
    PAUSE_S = 0.05                 # then one batch in this time,
    BATCH = 8192                   # or as soon as it has so many letters;
    FLOOD = 65536                  # and after so many letters the program waits for the page

    def __init__(self):
        self.kept, self.size = [], 0                       # what waits to be sent, and its letters
        self.began, self.writes, self.sent = 0, 0, 0       # of this moment: when, writes, letters

    def write(self, text, kind='out'):
        if kind != 'out':
            self.flush()
        self.kept.append(text)
        self.size += len(text)
        self.writes += 1
        if time.monotonic() - self.began > self.PAUSE_S:
            self.began, self.writes, self.sent = time.monotonic(), 0, 0
        if self.writes <= self.AT_ONCE or self.size > self.BATCH or kind != 'out':
            self.flush(kind)
        if self.sent > self.FLOOD:
            self.sent = 0
            sleep(self.PAUSE_S)
        return len(text)

    def flush(self, kind='out'):
        if self.kept:
            self.sent += self.size
            text, self.kept, self.size = ''.join(self.kept), [], 0
            host.out(text, kind)

    def writable(self):
        return True


class Complaints(io.TextIOBase):
    """sys.stderr: the same, in another colour."""

    def write(self, text):
        return SCREEN.write(text, 'error')

    def writable(self):
        return True


SCREEN = Screen()


# --- REFUSED -------------------------------------------------------------------------------------

class Refused:
    """The last refusal: the call, the one that would work, the line of the program that made it."""
    asked = works = line = None


def note_reply(asked, works):
    """Remember a refusal, or with works='' that all is well again."""
    Refused.asked, Refused.works = asked, works
    frames = [frame for frame in walk_stack() if frame.f_code.co_filename == Program.file]
    whole = [frame for frame in frames if frame.f_code.co_name == '<module>']
    Refused.line = (whole or frames)[-1].f_lineno if frames else None


def walk_stack():
    return [frame for frame, _ in traceback.walk_stack(None)]


def cure():
    """For the page: the call that works, after which line it belongs, how far from the left."""
    if not Refused.works or not Refused.line:
        return None
    try:
        nodes = ast.walk(ast.parse(Program.source))
    except SyntaxError:
        return None
    statements = [node for node in nodes if isinstance(node, ast.stmt)
                  and node.lineno <= Refused.line <= node.end_lineno]
    inner = max(statements, key=lambda node: node.lineno, default=None)
    if inner is None:
        return None
    return {'asked': Refused.asked, 'works': Refused.works,
            'after': inner.end_lineno, 'column': inner.col_offset}


# --- RUN -----------------------------------------------------------------------------------------

class Program:
    file, source = '', ''


def run(source, name, address, files):
    """Run a program as `python name.py address` would. Tells how it ended, for the page."""
    global server
    Program.file, Program.source, server = f'{name}.py', source, address.rstrip('/')
    Refused.works, SCREEN.began = '', 0
    tidy(files)
    before = files_now()
    how, line = 'finished', None
    try:
        execute(source)
        wait_for_threads()
    except SystemExit as end:
        say_exit(end.code)
    except KeyboardInterrupt as end:
        how, line = 'stopped', line_of(end)
        Complaints().write(f'Stopped{f" at line {line}" if line else ""}.\n')
    except BaseException as error:
        how, line = 'failed', line_of(error)
        Complaints().write(told(error))
    atexit._run_exitfuncs()
    SCREEN.flush()
    return {'how': how, 'line': line, 'cure': cure(), 'files': changed_files(before),
            'fresh': threads_left() > 0}


def tidy(files):
    """The same beginning for every program, whatever the one before it did."""
    os.makedirs(HOME, exist_ok=True)
    os.chdir(HOME)
    for name, content in files.items():
        with open(name, 'wb') as file:
            file.write(content)
    for name in set(sys.modules) - WORLD:
        file = getattr(sys.modules[name], '__file__', None) or ''
        if name == 'turtle' or file.startswith(HOME):
            del sys.modules[name]
    random.seed()                  # all Pythons from one snapshot would throw the same dice
    sys.argv[:] = [Program.file, server]
    sys.stdin, sys.stdout, sys.stderr = Keyboard(), SCREEN, Complaints()
    builtins.input, time.sleep = ask, sleep


def execute(source):
    linecache.cache[Program.file] = (len(source), None, source.splitlines(True), Program.file)
    main = types.ModuleType('__main__')
    main.__dict__.update(__file__=Program.file, __builtins__=builtins)
    sys.modules['__main__'] = main
    exec(compile(source, Program.file, 'exec', dont_inherit=True), main.__dict__)


def wait_for_threads():
    threading = sys.modules['threading']
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()


def threads_left():
    return len(sys.modules['threading'].enumerate()) - 1


def say_exit(code):
    if code not in (None, 0):
        Complaints().write(f'{code}\n' if isinstance(code, str) else f'(exit code {code})\n')


def is_own(file):
    """True for the student's own files: of all others a traceback says nothing."""
    return file == Program.file or file.startswith(HOME)


def line_of(error):
    """The line of the program where it happened: the last one that is the student's own."""
    if isinstance(error, SyntaxError) and error.filename == Program.file:
        return error.lineno
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__)
             if frame.f_code.co_filename == Program.file]
    return lines[-1] if lines else None


def told(error):
    """The traceback as Python writes it, less the frames that are not the student's."""
    whole = traceback.TracebackException.from_exception(error)
    seen, parts = [], [whole]
    while parts:
        part = parts.pop()
        if part is not None and part not in seen:
            seen.append(part)
            part.stack[:] = [frame for frame in part.stack if is_own(frame.filename)]
            parts += [part.__cause__, part.__context__, *(part.exceptions or [])]
    return ''.join(whole.format())


def files_now():
    return {entry.name: (entry.stat().st_mtime_ns, entry.stat().st_size)
            for entry in os.scandir(HOME) if entry.is_file()}


def changed_files(before):
    """What the program has written: name -> bytes. The page keeps it, and hands it out to save."""
    found = {}
    for name, state in files_now().items():
        if before.get(name) != state and state[1] < 5_000_000:
            with open(os.path.join(HOME, name), 'rb') as file:
                found[name] = file.read()
    return found


import threads  # noqa: E402, F401  it puts its turns under the threading of the standard library
