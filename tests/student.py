"""What a student does at a computer: runs programs, types into them, changes lines in them."""
import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import time

import pytest
from browser import need
from conftest import ROOT

CLIENTS = ROOT / 'clients'


def run(program, *arguments, typed='', python=sys.executable, **options):
    """What a program says, errors included, when somebody types this."""
    done = subprocess.run([python, '-u', str(program), *arguments], input=typed, capture_output=True, text=True,
                          timeout=90, encoding='utf-8', **options)
    assert 'Traceback' not in done.stderr, done.stderr
    return done.stdout + done.stderr


def hurry(program, sea, **options):
    """The same on the fast sea, where nobody has to wait."""
    return run(ROOT / 'tests' / 'fast_client.py', str(program), sea.url, **options)


def client(name):
    return CLIENTS / f'{name}.py'


def edited(name, folder, **lines):
    """A copy of a client in which a student has changed some of the lines at its top."""
    text = client(name).read_text(encoding='utf-8')
    for word, value in lines.items():
        text, found = re.subn(rf'^{word} = .*$', f'{word} = {value!r}', text, count=1, flags=re.M)
        assert found, f'{name} has no line {word} = ...'
    copy = folder / f'{name}.py'
    copy.write_text(text, encoding='utf-8')
    return copy


def id_in(words):
    """The id that join answered: eight letters or digits in front of a comma, or after `your id is`."""
    return re.search(r'\b([a-z0-9]{8}),|your id is (\w{8})', words).expand(r'\1\2')


@contextlib.contextmanager
def started(name, sea):
    process = subprocess.Popen([sys.executable, '-u', str(client(name)), sea.url], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def type_in(process, line):
    process.stdin.write(f'{line}\n'.encode())
    process.stdin.flush()


def until(process, words, seconds=20, encoding='utf-8'):
    """Read what a program says until these words, and return it."""
    said, end = '', time.monotonic() + seconds
    while words not in said:
        assert select.select([process.stdout], [], [], end - time.monotonic())[0], f'{words!r} did not come: {said}'
        chunk = os.read(process.stdout.fileno(), 4096).decode(encoding)
        assert chunk, f'it ended without saying {words!r}: {said}'
        said += chunk
    return said


@pytest.fixture
def screen():
    """A virtual screen; its number."""
    need('Xvfb', shutil.which('Xvfb'))
    there, here = os.pipe()
    process = subprocess.Popen(['Xvfb', '-displayfd', str(here), '-screen', '0', '1024x768x24', '-nolisten', 'tcp'],
                               pass_fds=[here], stderr=subprocess.DEVNULL)
    os.close(here)
    with os.fdopen(there) as told:
        number = told.readline().strip()
    assert number, 'Xvfb did not start'
    yield f':{number}'
    process.terminate()
    process.wait()


def python_with_tkinter():
    for python in (sys.executable, '/usr/bin/python3'):
        if not os.path.exists(python):
            continue
        tried = subprocess.run([python, '-c', 'import tkinter'], capture_output=True)
        if tried.returncode == 0:
            return python
    return None
