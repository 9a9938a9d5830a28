"""What a student does at /code, in any browser: `desk.run('print(1)')` is what the program printed."""
import functools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from browser import need
from conftest import ROOT, poll

CACHE = pathlib.Path(tempfile.gettempdir()) / 'mocean-tests'


@functools.cache
def need_pyodide():
    """The documented command puts it there; needs npm, or the internet."""
    command = [sys.executable, ROOT / 'clients' / 'get_pyodide.py']
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    need(f'Pyodide ({done.stdout}{done.stderr})', done.returncode == 0)


@functools.cache
def axe():
    """The source of axe-core, which finds what keeps people out of a page."""
    version = '4.14.1'
    path = CACHE / f'axe-{version}.js'
    if not path.exists() and (npm := shutil.which('npm')):
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            subprocess.run([npm, 'pack', '--silent', f'axe-core@{version}'], cwd=folder, check=True, timeout=300,
                           capture_output=True)
            shutil.unpack_archive(next(pathlib.Path(folder).glob('*.tgz')), folder)
            (pathlib.Path(folder) / 'package' / 'axe.min.js').rename(path)
    need('axe-core', path.exists())
    return path.read_text(encoding='utf-8')


class Desk:
    def __init__(self, ask, patience=30):
        """`ask` answers an expression in JavaScript: ask('document.title')."""
        self.ask, self.patience = ask, patience

    def until(self, question, seconds=None):
        return poll(lambda: self.ask(question), seconds or self.patience)

    def ready(self):
        self.until('Boolean(globalThis.mocean?.python.ready)', 90)
        return self

    @property
    def said(self):
        return self.ask("document.querySelector('#output').textContent")

    @property
    def status(self):
        return self.ask("document.querySelector('#status').textContent")

    @property
    def program(self):
        return self.ask("document.querySelector('#text').value")

    @property
    def marked(self):
        """The line with the mark, or nothing."""
        return self.ask("""!document.querySelector('#mark').hidden && 1 + (
            parseFloat(document.querySelector('#mark').style.top)
            + document.querySelector('#text').scrollTop - 8) / 22""")

    def begin(self, source, name='mine'):
        self.ask(f'(mocean.open_program({json.dumps(name)}, {json.dumps(source)}), mocean.run())')

    def type(self, line):
        """Type a line when the program asks for one; None is Ctrl-D."""
        self.until("!document.querySelector('#ask').hidden")
        if line is None:
            self.ask("document.querySelector('#line').dispatchEvent("
                     "new KeyboardEvent('keydown', {key: 'd', ctrlKey: true}))")
        else:
            self.ask(f"(document.querySelector('#line').value = {json.dumps(line)}, "
                     "document.querySelector('#ask').requestSubmit())")

    def done(self, seconds=None):
        self.until('!mocean.python.running', seconds)
        return self.said

    def run(self, source, *typed, name='mine', seconds=None):
        self.begin(source, name)
        for line in typed:
            self.type(line)
        return self.done(seconds)

    def saying(self, words):
        poll(lambda: words in self.said, self.patience)

    def stop(self):
        self.ask("document.querySelector('#stop').click()")
        return self.done()


def check(desk, case):
    """A program of the table prints what the table says."""
    said = desk.run(case.source, *case.typed)
    if case.printed.startswith('~'):
        assert re.search(case.printed[1:], said, re.DOTALL), said
    else:
        assert said == case.printed

