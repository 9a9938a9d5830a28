"""The Containerfile: it runs the game as the unit does, keeps the ocean in its volume, and stops without a loss. Built
without a network, on an image made of this machine's own Python."""
import concurrent.futures
import contextlib
import http.client
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile

import pytest
from conftest import ROOT, Answer, mounted, place, poll, unit_options
from lab import PYTHON, enter

TEXT = (ROOT / 'Containerfile').read_text()
ENTRY = json.loads(re.search(r'^ENTRYPOINT (\[.*?\])', TEXT, re.M | re.S)[1].replace('\\\n', ''))
NAME = 'mocean-test'


def test_the_container_runs_the_game_with_the_options_of_the_unit():
    options = ENTRY[1:]
    for option, value in (('--http', ':8080'), ('--wsgi-file', 'mocean.py'), ('--master-fifo', '/tmp/orders'),
                          ('--hook-master-start', 'unix_signal:15 gracefully_kill_them_all')):
        at = options.index(option)
        assert options[at + 1] == value
        del options[at:at + 2]
    assert options == unit_options(without=('--http', '--wsgi-file', '--master-fifo', '--cpu-affinity'))


def libraries(*files):
    """What the dynamic linker loads for them."""
    said = subprocess.run(['ldd', *files], capture_output=True, text=True).stdout
    return set(re.findall(r'(/\S+) \(0x', said))


def make_base(image, wheels):
    """A tar of a root folder: Python, pip, sh and two tools of its, and the packages that the game needs."""
    home = pathlib.Path(subprocess.run([PYTHON, '-c', 'import sysconfig; print(sysconfig.get_path("stdlib"))'],
                                       capture_output=True, text=True, check=True).stdout.strip())
    tools = [os.path.realpath(shutil.which(tool)) for tool in ('sh', 'mkdir', 'chown', 'env')]
    modules = [importlib.util.find_spec('pyuwsgi').origin, *map(str, (home / 'lib-dynload').glob('*.so'))]

    def lean(entry):
        left_out = ('test', 'site-packages', 'dist-packages', '__pycache__', 'EXTERNALLY-MANAGED', 'config-', 'idlelib')
        return None if pathlib.Path(entry.name).name.startswith(left_out) else entry
    with tarfile.open(image, 'w') as tar:
        for file in {PYTHON, *tools, *libraries(PYTHON, *tools, *modules)}:
            tar.add(os.path.realpath(file), file)
        for tool in ('sh', 'mkdir', 'chown', 'env'):
            tar.add(os.path.realpath(shutil.which(tool)), f'/bin/{tool}')
        tar.add(home, filter=lean)
        tar.add(pathlib.Path(sysconfig.get_path('purelib')) / 'pip', '/srv/pip/pip')
        tar.add(wheels, '/srv/wheels')
        link, temporary = tarfile.TarInfo('bin/python'), tarfile.TarInfo('tmp')
        link.type, link.linkname = tarfile.SYMTYPE, PYTHON
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(link)
        tar.addfile(temporary)


class Engine:
    """Podman, with all that it keeps in one folder. (runc, and limits of our own: where the right to raise them, or a
    part of the kernel, is missing, podman's own choice would not start.)"""
    limits = ('--ulimit', 'nofile=16384:16384', '--ulimit', 'nproc=4096:4096')

    def __init__(self, folder):
        self.command = ['podman', '--root', folder / 'kept', '--runroot', folder / 'run', '--tmpdir', folder / 'tmp',
                        '--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none']

    def __call__(self, *words, check=True):
        done = subprocess.run([*self.command, *words], cwd=ROOT, capture_output=True, text=True, timeout=200)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return (done.stdout + done.stderr).strip()

    @contextlib.contextmanager
    def network(self):
        """Inside, this thread has the container's network, as it is from now on."""
        pid = self('inspect', '--format', '{{.State.Pid}}', NAME)
        with open('/proc/thread-self/ns/net') as own, open(f'/proc/{pid}/ns/net') as theirs:
            enter(theirs)
            try:
                yield
            finally:
                enter(own)

    def run(self):
        self('run', '--detach', '--name', NAME, '--network', 'none', '--volume', 'mocean:/var/lib/mocean', '--replace',
             *self.limits, '--memory', '512m', 'mocean')


@pytest.fixture
def podman(tmp_path):
    missing = [tool for tool in ('podman', 'runc') if not shutil.which(tool)]
    if missing or sys.platform != 'linux' or os.geteuid():
        assert 'CI' not in os.environ, missing
        pytest.skip('a container needs Linux, root, podman and runc')
    wheels = tmp_path / 'wheels'
    subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '-d', wheels, '-r', ROOT / 'requirements-vm.txt'],
                   check=True)
    make_base(tmp_path / 'base.tar', wheels)
    with tempfile.TemporaryDirectory() as short, mounted(pathlib.Path(short) / 'pod', '2g') as folder:
        engine = Engine(folder)
        settings = {'PATH': f'{os.path.dirname(PYTHON)}:/usr/local/bin:/usr/bin:/bin', 'PYTHONPATH': '/srv/pip',
                    'PIP_NO_INDEX': '1', 'PIP_FIND_LINKS': '/srv/wheels'}
        changes = [word for key, value in settings.items() for word in ('--change', f'ENV {key}={value}')]
        try:
            engine('import', '--quiet', *changes, tmp_path / 'base.tar', 'localhost/base')
            engine('build', '--quiet', '--network', 'none', '--pull-never', '--build-arg', 'BASE=localhost/base',
                   *engine.limits, '--tag', 'mocean', '.')
            yield engine
        finally:
            print(engine('logs', NAME, check=False))
            engine('rm', '--force', '--time', '0', NAME, check=False)


def say(path):
    connection = http.client.HTTPConnection('127.0.0.1', 8080, timeout=5)
    with contextlib.closing(connection):
        connection.request('GET', path)
        reply = connection.getresponse()
        return Answer.of(reply.status, reply.getheaders(), reply.read())


def answers():
    with contextlib.suppress(OSError, http.client.HTTPException):
        return say('/health').status == 200


def sail(engine, id):
    """Moves until nobody answers any more: where the last answer said that the boat is."""
    told = None
    with engine.network(), contextlib.suppress(OSError, http.client.HTTPException):
        while True:
            reply = say(f'/move?id={id}&heading=north')
            told = tuple(reply.split(',')[:3]) if reply.status == 200 else told
    return told


def where(id):
    return tuple(place(say, id))


def test_a_container_keeps_the_ocean_in_its_volume_and_stops_without_a_loss(podman, tmp_path):
    podman.run()
    with podman.network():
        poll(answers)
        assert say('/steps').status == say('/map').status == say('/code').status == 200
        ids = [say(f'/join?name={name}').split(',')[0] for name in ('ada', 'ben', 'cyd')]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for _ in range(2):
            sailing = [pool.submit(sail, podman, id) for id in ids]
            with podman.network():
                before = [where(id) for id in ids]
                poll(lambda: not set(before) & {where(id) for id in ids})                          # noqa: B023
            podman('stop', '--time', '8', NAME)
            told = [sailed.result() for sailed in sailing]
            assert podman('inspect', '--format', '{{.State.ExitCode}}', NAME) == '0'
            podman.run()                                        # a new container, as after an upgrade; the same volume
            with podman.network():
                poll(answers)
                assert [where(id) for id in ids] == told
    assert 'ended in good order' in podman('logs', NAME)
    podman('volume', 'export', '--output', tmp_path / 'mocean.tar', 'mocean')
    with tarfile.open(tmp_path / 'mocean.tar') as copy:
        assert {'mocean.json', 'mocean.journal'} <= {pathlib.Path(name).name for name in copy.getnames()}
