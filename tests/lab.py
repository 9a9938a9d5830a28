"""A VM for the tests: a real systemd in namespaces of its own (systemd_lab.sh), set up by setup_vm.sh.

`lab` is that VM, booted once, with both games installed. In a test that uses `vm`, the VM's network is
the test's own network, so that http://127.0.0.1:8080 is the VM's, for requests, curl and threads alike.
"""
import contextlib
import ctypes
import http.client
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PYTHON = os.path.realpath(getattr(sys, '_base_executable', sys.executable))
CLONE_NEWNET = 0x40000000
NO_TERMINAL = ('bash: cannot set terminal process group', 'bash: no job control')

HOOK = '''
mkdir -p "$R/home/ubuntu/mocean" "$R/srv/wheels"
tar -C {root} --exclude .git --exclude .venv --exclude __pycache__ -cf - . | tar -C "$R/home/ubuntu/mocean" -xf -
cp {wheels}/* "$R/srv/wheels/"
chroot "$R" chown -R ubuntu: /home/ubuntu/mocean
'''


def why_not():
    """Why this machine cannot boot a lab; None where it can."""
    if sys.platform != 'linux' or os.geteuid() != 0:
        return 'a lab needs Linux and root'
    missing = [tool for tool in ('unshare', 'nsenter', 'ip', 'sudo', 'curl') if not shutil.which(tool)]
    if missing or not os.path.exists('/lib/systemd/systemd'):
        return f'a lab needs systemd and {", ".join(missing)}'
    return None if 'overlay' in pathlib.Path('/proc/filesystems').read_text() else 'a lab needs overlayfs'


class Lab:
    """The VM. `sh` is a command in it as root, `user` one as its teacher types it."""
    python = PYTHON

    def __init__(self, folder):
        self.name, self.folder = f'mocean-{os.getpid()}', folder
        self.cursor = ''

    def script(self, *words, timeout=120, **env):
        return subprocess.run([HERE / 'systemd_lab.sh', *words], env={**os.environ, 'LAB': self.name, **env},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    def up(self):
        wheels = self.folder / 'wheels'
        packages = ROOT / 'requirements-vm.txt'
        subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '-d', wheels, '-r', packages], check=True)
        hook = self.folder / 'hook'
        hook.write_text(HOOK.format(root=shlex.quote(str(ROOT)), wheels=shlex.quote(str(wheels))))
        booted = self.script('up', LAB_HOOK=str(hook))
        assert booted.returncode == 0, booted.stderr
        self.setup()

    def down(self):
        self.script('down')

    def reboot(self, how='reboot'):
        """Shut down and boot again; `cut`: all is killed at once (what was written is on the disk all the same).
        The network is a new one then: enter it again."""
        again = self.script(how)
        assert again.returncode == 0, again.stderr

    def setup(self, words='', **options):
        """What docs/server.md has the teacher paste. The VM has no internet: the packages lie in a folder."""
        return self.user(f'PYTHON={PYTHON} PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels '
                         f'bash ~/mocean/setup_vm.sh {words}', **options)

    def sh(self, text, check=True, timeout=120):
        """Run it as root; answer what it prints."""
        done = self.script('sh', text, timeout=timeout)
        assert not check or done.returncode == 0, f'{text}\n{done.stdout}{done.stderr}'
        return done.stdout.rstrip('\n')

    def user(self, text, name='ubuntu', **options):
        """Type it, as this user, in a terminal whose .bashrc has been read."""
        typed = self.sh(f'cd ~{name}; runuser -u {name} -- env HOME="$PWD" USER={name} '
                        f'bash -ic {shlex.quote(text)} 2>&1', **options)
        return '\n'.join(line for line in typed.split('\n') if not line.startswith(NO_TERMINAL))

    def fails(self, text):
        """A command of the teacher that must fail; answer what it says."""
        text = self.user(f'{text}; echo "ended with $?"')
        assert not text.endswith('ended with 0'), text
        return text

    def put(self, path, text):
        self.sh(f'printf %s {shlex.quote(text)} > {path}; chown ubuntu: {path}')

    def say(self, path, timeout=10):
        """The game's answer: its text, with the status."""
        from conftest import Answer
        connection = http.client.HTTPConnection('127.0.0.1', 8080, timeout=timeout)
        with contextlib.closing(connection):
            connection.request('GET', path)
            reply = connection.getresponse()
            return Answer.of(reply.status, reply.getheaders(), reply.read())

    __call__ = say

    def answers(self, path='/health'):
        """Does the game answer, now, with 200?"""
        connection = http.client.HTTPConnection('127.0.0.1', 8080, timeout=1)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request('GET', path)
            return connection.getresponse().status == 200
        return False

    def state(self, unit='mocean'):
        return self.sh(f'systemctl is-active {unit}', check=False)

    def master(self, unit='mocean'):
        return int(self.sh(f'systemctl show --value --property MainPID {unit}'))

    def children(self, unit='mocean'):
        """The worker's number and the router's, inside. The worker is the one with many threads."""
        rows = self.sh(f'ps -o pid=,nlwp= --ppid {self.master(unit)}').splitlines()
        by_threads = sorted((int(threads), int(pid)) for pid, threads in map(str.split, rows))
        return by_threads[-1][1], by_threads[0][1]

    def mark(self):
        """From here on, `journal` tells what is new."""
        self.cursor = self.sh('journalctl --sync; journalctl -n 0 --show-cursor -q').removeprefix('-- cursor: ')

    def journal(self, unit='mocean', form='cat'):
        return self.sh(f'journalctl --sync; journalctl -q -u {unit} -o {form} --after-cursor "{self.cursor}"')

    @property
    def pid(self):
        """The VM's process 1, as this machine numbers it."""
        return pathlib.Path(f'/run/systemd-lab/{self.name}/pid').read_text().split()[0]

    def inside(self, path):
        """A file of the VM, by the name that it has outside."""
        return f'/proc/{self.pid}/root{path}'

    @contextlib.contextmanager
    def network(self):
        """Inside, this thread and all that it starts have the VM's network."""
        with open('/proc/thread-self/ns/net') as own, open(f'/proc/{self.pid}/ns/net') as theirs:
            enter(theirs)
            try:
                yield
            finally:
                enter(own)


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'cannot enter the network of the lab')


@pytest.fixture(scope='session')
def lab(tmp_path_factory):
    """The VM, booted and set up once."""
    if reason := why_not():
        assert 'CI' not in os.environ, reason
        pytest.skip(reason)
    lab = Lab(tmp_path_factory.mktemp('lab'))
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


@pytest.fixture
def vm(lab):
    """The VM with mocean up, and its network around the test."""
    if lab.state() != 'active':
        lab.sh('systemctl restart mocean')
    lab.mark()
    with lab.network():
        yield lab
