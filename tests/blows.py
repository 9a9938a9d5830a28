"""What can happen to a disk: a proxy in the place of `os`, through which the game writes, and which remembers the
folder as each crash would have left it, or refuses one thing, once.

A script of calls is played in this process, by hand-wound clocks. Each thing that the game asks of the disk (write,
sync, replace, cut, open) is a point, with a number. At each point the folder is remembered as it is before, half-way
(writes) and afterwards, together with what had been answered by then.
"""
import contextlib
import errno
import json
import os
import pathlib
import random

from conftest import Clock

import mocean

ASKED = ('open', 'write', 'fsync', 'fdatasync', 'replace', 'truncate', 'ftruncate')

# Writes that are cut short; half a line that is torn or has no end cannot be cut off either.
PARTS = {'short': lambda size: size // 2, 'torn': lambda size: size // 2, 'unended': lambda size: size - 1}


class Moment:
    """The folder as a crash at this moment would leave it, and the ocean as it had been answered by then."""

    def __init__(self, name, files, answered):
        self.name, self.files, self.answered = name, files, answered
        self.next = None          # the ocean as it was answered next: of a call under way, all may have happened

    def __repr__(self):
        return self.name

    def put(self, folder, **damage):
        """The folder, written out; damage is what becomes of the content of a file, if it is there."""
        folder.mkdir()
        for name, content in self.files.items():
            spoil = damage.get(name.replace('.', '_'), bytes)
            content = spoil(content)
            if content is not None:
                (folder / name).write_bytes(content)
        return folder


class Disk:
    """Stands in for `os` in the game. Nothing is really synced: a crash of the program is no power cut."""

    def __init__(self, folder, fault=None, at=None):
        self.folder = pathlib.Path(folder)
        self.fault, self.at = fault, at          # what happens at which point: 'EIO', 'ENOSPC', or one of PARTS
        self.points = []                         # what was asked of the disk, in order
        self.moments = None                      # a list, where they shall be remembered
        self.answered = self.sea = None

    def __getattr__(self, name):
        real = getattr(os, name)
        return (lambda *args: self.ask(name, real, args)) if name in ASKED else real

    def ask(self, name, real, args):
        """One thing that is asked of the disk."""
        what = f'{name} {self.named(args[0])}'
        number = len(self.points)
        self.points.append(what)
        self.remember(number, 'before', what)
        if name == 'ftruncate' and self.fault in ('torn', 'unended'):
            raise OSError(errno.EIO, 'cannot be cut off')
        if number == self.at:
            if self.fault in PARTS:
                return real(args[0], args[1][:PARTS[self.fault](len(args[1]))])
            code = errno.ENOSPC if self.fault == 'ENOSPC' else errno.EIO
            raise OSError(code, os.strerror(code))
        if name in ('fsync', 'fdatasync'):
            done = None
        elif name == 'write' and self.moments is not None:
            half = len(args[1]) // 2
            done = real(args[0], args[1][:half])
            self.remember(number, 'half-way', what)
            done += real(args[0], args[1][half:])
        else:
            done = real(*args)
        self.remember(number, 'after', what)
        return done

    def named(self, file):
        """A name for what was asked about."""
        with contextlib.suppress(OSError, TypeError):
            file = os.readlink(f'/proc/self/fd/{file}')
        return pathlib.Path(file).name

    def remember(self, number, when, what):
        """The folder as it is now, if that is new."""
        if self.moments is not None:
            files = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
            last = self.moments[-1] if self.moments else None
            if not last or (last.files, last.answered) != (files, self.answered):
                self.moments.append(Moment(f'{when} {number} {what}', files, self.answered))
                if last and last.answered != self.answered:
                    self.tell_next(last.answered)

    def tell_next(self, answered):
        for moment in reversed(self.moments[:-1]):
            if moment.answered != answered:
                break
            moment.next = self.answered

    def open_file(self, path, mode='r', **more):
        """In the place of `open`: what is written into a new file is asked of the disk, too."""
        file = open(path, mode, **more)       # noqa: SIM115 (the game closes it)
        return Asking(self, file) if mode == 'wb' else file


class Asking:
    """A file whose writes are points of the disk's."""

    def __init__(self, disk, file):
        self.disk, self.file = disk, file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, content):
        self.disk.ask('write', lambda number, part: self.to_the_disk(part), (self.file.fileno(), content))

    def to_the_disk(self, part):
        self.file.write(part)
        self.file.flush()
        return len(part)


@contextlib.contextmanager
def in_place(disk):
    """The game writes through this disk; nobody tends the sea but the script."""
    saved = {name: getattr(mocean, name) for name in ('os', 'datasync', 'SYNC_S')}
    mocean.os, mocean.datasync, mocean.open, mocean.SYNC_S = disk, disk.fdatasync, disk.open_file, 1e6
    try:
        yield disk
    finally:
        del mocean.open
        for name, value in saved.items():
            setattr(mocean, name, value)


def document(ocean):
    """What a player could notice of an ocean, as plain values: all of it but the runs, and when that was."""
    document = json.loads(json.dumps(mocean.document_of(ocean)))
    return {name: rows for name, rows in document.items() if name not in ('runs', 'now', 'last')}


CALLS = ('move', 'sail', 'ping', 'letter', 'all', 'look', 'read', 'quit', 'back')


class Script:
    """A game with saves and restarts. `play` goes through it; whatever the disk refuses has to be said by a 503."""

    def __init__(self, disk):
        self.disk, self.clock, self.calendar = disk, Clock(5000.0), Clock(1_700_000_000.0)
        self.dice, self.sea, self.ids = random.Random(7), None, {}
        self.refused = []

    def start(self):
        sea = mocean.Sea(self.disk.folder, self.clock, self.dice, self.calendar)
        sea.collects = True
        try:
            sea.open()
        except OSError as error:             # the very first start needs a disk that can be written
            self.refused.append(str(error))
            sea = mocean.Sea(self.disk.folder, self.clock, self.dice, self.calendar)
            sea.collects = True
            sea.open()
        self.sea = self.disk.sea = sea
        self.settle()

    def kill(self):
        """As kill -9 ends it: nothing is written any more; the lock on the folder falls."""
        mocean.atexit.unregister(self.sea.close)
        self.sea.process = None
        self.sea.closing.set()
        self.sea.journal.close()

    def settle(self):
        """What has been answered up to here."""
        self.disk.answered = document(self.sea.ocean)

    def call(self, name, /, **texts):
        """One call. Refused by the disk, it has changed nothing."""
        self.clock.now += 2
        self.calendar.now += 2
        before = document(self.sea.ocean)
        route = mocean.BY_NAME[name]
        if 'id' in texts:
            texts['id'] = self.ids[texts['id']]
        pairs = [(key, str(text)) for key, text in texts.items()]
        try:
            facts = mocean.play(self.sea, mocean.read_call(route, pairs, 'text'))
        except mocean.Refusal as refusal:
            assert refusal.status == mocean.AWAY, refusal
            assert document(self.sea.ocean) == before
            self.refused.append(refusal.words)
            return None
        self.settle()
        return facts

    def join(self, name):
        facts = self.call('join', name=name) or self.call('join', name=name)
        self.ids[name] = facts['id']

    def tend(self, seconds=1):
        self.clock.now += seconds
        self.calendar.now += seconds
        mocean.tend(self.sea)
        self.settle()

    def play(self):
        self.start()
        self.join('ada')
        self.join('bob')
        self.call('move', id='ada', heading='ne', steps=3, n='1')
        self.call('ping', id='ada')
        self.tend()
        self.call('sendchat', id='ada', name='bob', message='ahoy 🐳')
        self.tend(61)                        # a fresh state file
        self.call('accel', id='bob', ctrl='w')
        self.call('look', id='bob')
        self.kill()
        self.start()                         # a restart after a kill
        self.call('popchat', id='bob')
        self.call('sendchat', id='bob', name='all', message='all hands')
        self.tend(61)
        self.call('move', id='ada', heading='w', steps=5)
        self.tend(61)
        self.call('ping', id='bob')
        self.call('quit', id='bob', sure='yes')
        self.sea.close()
        self.start()                         # a restart in good order
        self.call('join', name='bob', id='bob')
        self.call('move', id='ada', heading='s')
        self.tend()
        self.kill()


def started(folder):
    """The ocean after a start on this folder, and its end by a kill."""
    script = Script(Disk(folder))
    with in_place(script.disk):
        script.start()
        script.kill()
    return script.sea.ocean


def zeroed(content):
    """The middle half of a file, lost."""
    quarter = len(content) // 4
    return content[:quarter] + b'\0' * (len(content) - 2 * quarter) + content[len(content) - quarter:]


def merged(target, patch):
    """RFC 7396, as its own text has it."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target
