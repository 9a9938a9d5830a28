"""Several oceans on one VM: mocean@.service and its door, the words with a name, the copies of the night."""
import collections
import contextlib
import http.client
import re
import shlex
import socket
import subprocess
import threading
import time

import pytest
from conftest import ROOT, Answer, join, place, poll, unit_options, woken

PAGE = (ROOT / 'docs' / 'classes.md').read_text(encoding='utf-8')
HOME = '/home/ubuntu'
KEPT = 14


def bash(text):
    """What a terminal says that has read the words; no service is asked."""
    done = subprocess.run(['bash', '-c', f'. {ROOT}/bash_aliases; {text}'], capture_output=True, text=True, timeout=20)
    return done.stdout.rstrip('\n')


# ---------------------------------------------------------------- without a VM


def settings(unit):
    """The lines of a unit, without its commands."""
    text = re.sub(r'^(#.*\n|Exec\w+=(.*\\\n)*.*\n)', '', (ROOT / unit).read_text(), flags=re.M)
    return {line for line in text.splitlines() if line}


def test_an_ocean_with_a_name_is_run_like_the_one_on_port_8080():
    """All that differs, said here."""
    named, plain = unit_options('mocean@.service', ['--http-socket', '--wsgi-file', '--master-fifo']), unit_options()
    assert [option for option in plain if option not in named] == [
        '--cpu-affinity', '--http-timeout', '--http-headers-timeout']
    assert [option for option in named if option not in plain] == ['--socket-timeout']
    assert settings('mocean.service') - settings('mocean@.service') == {
        'Description=Mocean, an ocean planet in the shape of a torus', 'After=network.target steps.service',
        'Conflicts=steps.service', 'EnvironmentFile=-/home/ubuntu/mocean.env', 'EnvironmentFile=-/run/mocean/address',
        'StateDirectory=mocean', 'RuntimeDirectory=mocean', 'SyslogIdentifier=mocean',
        'SystemCallFilter=sched_setaffinity'}
    assert settings('mocean@.service') - settings('mocean.service') == {
        'Description=Mocean, the ocean %i', 'Requires=mocean@%i.socket', 'After=network.target mocean@%i.socket',
        'EnvironmentFile=-/home/ubuntu/mocean-%i.env', 'StateDirectory=mocean-%i', 'RuntimeDirectory=mocean-%i',
        'SyslogIdentifier=mocean-%i', 'Also=mocean@%i.socket'}


def test_no_ocean_is_called_like_a_page(tmp_path, monkeypatch):
    monkeypatch.setenv('MOCEAN_CAPTAIN', 'a-key-of-the-captain')
    with woken(tmp_path / 'state') as say:
        pages = {route.rule.split('/')[1] for route in say.app.routes}
    pages = {page for page in pages if re.fullmatch('[a-z][a-z0-9-]*', page)}
    assert pages > {'map', 'steps', 'erddap', 'captain'}
    assert set(bash('echo "${MOCEAN_TAKEN[@]}"').split()) == pages | {'front'}


NAMES = {'tuesday': True, 'a': True, 'class-7b': True, 'a' * 63: True, 'fr0nt': True,
         'a' * 64: False, 'Tuesday': False, '7b': False, 'class-': False, '-a': False, 'klassé': False, 'a.b': False,
         'a b': False, 'a/b': False, '..': False, '': False, 'map': False, 'mocean': False, 'front': False}


def test_the_name_of_an_ocean():
    said = bash(f'for name in {shlex.join(NAMES)}; do _ocean_may_be "$name" || echo "no: $name"; done').splitlines()
    assert [line.partition(': ')[2] for line in said if line.startswith('no: ')] == [
        name for name, fits in NAMES.items() if not fits]
    assert f'$ mocean_new map\n{bash("mocean_new map")}\n' in PAGE


@pytest.mark.parametrize('copy, whose', [
    ('/home/x/backups/mocean-2026-11-26-101112.tar.gz', 'mocean'),
    ('/home/x/mocean-tuesday-2026-11-26-101112.tar.gz', 'mocean-tuesday'),
    ('/tmp/mocean-class-7-2026-11-26-101112.tar.gz', 'mocean-class-7'),
    ('/var/lib/mocean-tuesday/before-20261126-101112', 'mocean-tuesday'),
    ('/var/lib/mocean/saved-20261126-101112+', 'mocean'),
    ('/home/x/photos.tar.gz', ''), ('/home/x/mocean-tuesday.tar.gz', '')])
def test_a_copy_says_whose_it_is(copy, whose):
    assert bash(f'_game_whose {copy}') == whose


def test_why_names_the_words_of_that_ocean():
    line = 'Nov 25 01:02:03 club mocean-tuesday[8]: mocean halted: systemd says signal, uwsgi killed with KILL\n'
    said = subprocess.run(['awk', '-v', 'game=mocean', '-v', 'ocean=tuesday', '-f', ROOT / 'why.awk'], input=line,
                          capture_output=True, text=True, check=True).stdout
    assert 'The master was killed (mocean_kill tuesday, kill -9' in said


# ---------------------------------------------------------------- two oceans on a VM


class Ocean:
    """An ocean of the VM, asked through its door: its socket, as nginx does."""

    def __init__(self, vm, name):
        self.name, self.state, self.unit = name, f'/var/lib/mocean-{name}', f'mocean@{name}'
        self.door = vm.inside(f'/run/mocean-{name}.sock')

    def say(self, path, timeout=45):
        connection = http.client.HTTPConnection('localhost', timeout=timeout)
        with contextlib.closing(connection):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(timeout)
            connection.sock.connect(self.door)
            connection.request('GET', path)
            reply = connection.getresponse()
            return Answer.of(reply.status, reply.getheaders(), reply.read())

    __call__ = say

    def answers(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.say('/health', timeout=1).status == 200
        return False


@pytest.fixture(scope='module')
def two(lab):
    """Tuesday and Wednesday, each made by one word."""
    for name in 'tuesday', 'wednesday':
        assert f'{name} is up, and starts with the VM' in lab.user(f'mocean_new {name}')
    yield Ocean(lab, 'tuesday'), Ocean(lab, 'wednesday')
    for name in 'tuesday', 'wednesday':
        lab.user(f'mocean_end {name}')
    lab.sh(f'rm -rf /var/lib/mocean-* {HOME}/mocean-*.env {HOME}/backups')


@pytest.mark.systemd
def test_a_new_ocean_has_a_door_a_memory_and_a_key_of_its_own(vm, two):
    master = vm.master('mocean@tuesday')
    said = vm.user('mocean_new tuesday')                                           # once more: no harm
    assert 'tuesday is up' in said and 'Remedy: the front' in said and vm.master('mocean@tuesday') == master
    vm.sh('mkdir -p /etc/nginx/mocean; echo club.example > /etc/nginx/mocean/name')     # as a front does
    try:
        assert 'tuesday: It is up, but nginx does not lead there. Remedy: bash' in vm.user('mocean_doctor tuesday')
        assert 'with the VM, but nginx does not lead there. Remedy: bash' in vm.user('mocean_new tuesday')
        assert 'http://club.example/tuesday/captain' in vm.user('mocean_captain tuesday')
    finally:
        vm.sh('rm -r /etc/nginx/mocean')
    for ocean in two:
        assert vm.sh(f'stat -c "%a %U %G" /run/mocean-{ocean.name}.sock') == '660 ubuntu www-data'
        assert vm.sh(f'stat -c "%a %U" {ocean.state} {HOME}/mocean-{ocean.name}.env') == '700 ubuntu\n600 ubuntu'
        assert vm.sh(f'systemctl is-enabled {ocean.unit} {ocean.unit}.socket') == 'enabled\nenabled'
        assert vm.sh(f'systemd-analyze verify {ocean.unit}.service {ocean.unit}.socket 2>&1') == ''
        verdict = vm.sh(f'systemd-analyze security {ocean.unit}').split(f'{ocean.unit}.service: ')[1]
        assert float(verdict.split()[0]) <= 2.5, verdict
    ask = 'curl -s -m 5 --unix-socket /run/mocean-tuesday.sock http://localhost/health'
    assert vm.sh(f'runuser -u www-data -- {ask}').startswith('ok,')
    assert vm.sh(f'runuser -u nobody -- {ask}', check=False) == ''


@pytest.mark.systemd
def test_two_oceans_and_the_one_on_port_8080_know_nothing_of_each_other(vm, two):
    seas = [*two, vm]
    ids = [join(sea, 'Marco') for sea in seas]
    here = [place(sea, id) for sea, id in zip(seas, ids, strict=True)]
    assert two[0](f'/move?id={ids[0]}&heading=north').status == 200
    there = [place(sea, id) for sea, id in zip(seas, ids, strict=True)]
    assert here[0] != there[0] and here[1:] == there[1:]
    assert [sea(f'/location?id={ids[0]}').status for sea in seas] == [200, 404, 404]
    keys = [vm.user(f'mocean_captain {name}').split('key')[1] for name in ('tuesday', 'wednesday', '')]
    keys = [re.search(r'[a-z0-9]{4}(-[a-z0-9]{4}){3}', key)[0] for key in keys]
    for number, key in enumerate(keys):
        assert [sea(f'/captain?key={key}&order=roster').status == 200 for sea in seas] == [
            number == other for other in range(3)]
    for name in 'tuesday', 'wednesday':
        said = poll(lambda name=name: 'Marco' in (said := vm.user(f'mocean_journal {name} 9')) and said)
        lines = [line for line in said.splitlines() if ' systemd[1]: ' not in line]
        assert lines and all(f' mocean-{name}[' in line for line in lines)


class Bots:
    """Eight boats of an ocean, each a thread: they row until the end. `lost` must stay empty."""

    def __init__(self, ocean, word):
        self.ocean, self.ended, self.calls, self.lost = ocean, False, 0, []
        self.places = {id: place(ocean, id) for id in (join(ocean, f'{word}{letter}') for letter in 'abcdefgh')}
        self.threads = [threading.Thread(target=self.row, args=(id,)) for id in self.places]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        for thread in self.threads:
            thread.join()

    def row(self, id):
        while not self.ended:
            try:
                reply = self.ocean(f'/move?id={id}&heading=north')
                assert reply.status in (200, 429), reply
                if reply.status == 200:
                    self.places[id] = reply.split(',')
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.lost.append(repr(error))
            self.calls += 1
            time.sleep(0.02)


@pytest.mark.systemd
def test_a_restart_and_a_reload_of_one_lose_no_call_and_the_other_plays_on(vm, two):
    tuesday, wednesday = two
    with Bots(tuesday, 'Restart') as these, Bots(wednesday, 'Beside') as others:
        before = vm.master(tuesday.unit), vm.master(wednesday.unit)
        vm.user('mocean_restart tuesday')
        vm.user('mocean_reload tuesday')
        assert vm.master(tuesday.unit) != before[0] and vm.master(wednesday.unit) == before[1]
        poll(lambda: min(these.calls, others.calls) > 200, 60)
    assert these.lost == others.lost == []
    for bots in these, others:
        assert {id: place(bots.ocean, id) for id in bots.places} == bots.places


@pytest.mark.systemd
def test_one_that_is_killed_is_not_noticed_in_the_other(vm, two):
    tuesday, wednesday = two
    beside = vm.master(wednesday.unit), vm.children(wednesday.unit)
    with Bots(tuesday, 'Killed') as these, Bots(wednesday, 'Near') as others:
        for kill in f'kill -9 {vm.children(tuesday.unit)[0]}', f'systemctl kill -s KILL --kill-who main {tuesday.unit}':
            calls = these.calls
            poll(lambda: these.calls > calls + 10)                                      # noqa: B023
            vm.sh(kill)
            poll(tuesday.answers, 5)
    assert others.lost == [] and (vm.master(wednesday.unit), vm.children(wednesday.unit)) == beside
    for bots in these, others:                        # a call that was cut off may have been carried out, or not
        there = {id: place(bots.ocean, id) for id in bots.places}
        strays = [id for id in there if there[id] != bots.places[id]]
        assert len(strays) <= len(bots.lost)
    assert 'The master was killed (mocean_kill tuesday' in vm.user('mocean_why tuesday')


@pytest.mark.systemd
def test_a_call_that_knocks_at_a_broken_ocean_is_answered_once_it_is_mended(vm, two):
    tuesday, wednesday = two
    vm.sh(f'rm {HOME}/mocean.py')
    vm.put(f'{HOME}/mocean.py', 'def x(:\n')
    answers = []
    knocking = threading.Thread(target=lambda: answers.append(tuesday('/health')))
    try:
        assert 'Not reloaded: the old mocean.py plays on.' in vm.fails('mocean_reload wednesday')
        assert 'did not start' in vm.fails('mocean_restart tuesday')
        knocking.start()
        assert 'mocean.py could not be loaded: SyntaxError: invalid syntax (mocean.py, line 1)' in vm.user(
            'mocean_why tuesday')
        assert 'tuesday: It does not answer. Remedy: mocean_why tuesday' in vm.user('mocean_doctor tuesday')
        assert wednesday.answers() and answers == []
    finally:
        vm.sh(f'ln -sfn mocean/mocean.py {HOME}/mocean.py')
    knocking.join(20)
    assert [answer.status for answer in answers] == [200]


# ---------------------------------------------------------------- every word with a name


@pytest.mark.systemd
def test_every_word_takes_a_name_and_leaves_the_others_alone(vm, two):
    tuesday, wednesday = two
    id = join(tuesday, 'Words')
    masters = vm.master(), vm.master(wednesday.unit)
    asked = {
        'mocean_status tuesday': 'Mocean, the ocean tuesday',
        'mocean_ps tuesday': 'the worker: the game itself',
        'mocean_daemon tuesday': 'systemd has read mocean@tuesday.service',
        'mocean_find tuesday words': f'Words has the id {id} and',
        'mocean_why tuesday': 'Now: tuesday is up',
        'timeout 1 bash -c ". ~/mocean/bash_aliases; mocean_follow tuesday"; true': 'Words joined',
        'mocean_kill tuesday': 'and tuesday is back: systemd has started it.',
        'mocean_stop tuesday': 'tuesday is stopped. mocean_start tuesday starts it.',
        'mocean_doctor tuesday': ' !!  tuesday: It is stopped. Remedy: mocean_start tuesday',
    }
    for word, says in asked.items():
        assert says in vm.user(word), word
    assert not tuesday.answers() and vm.state(tuesday.unit) == 'inactive'          # and a call does not start it
    for word in 'mocean_reload tuesday', 'mocean_kill tuesday', 'mocean_ps tuesday':
        assert 'mocean_start tuesday starts it' in vm.fails(word), word
    assert 'tuesday is up' in vm.user('mocean_start tuesday') and place(tuesday, id)
    said = vm.user('mocean_why tuseday; mocean_end tuesday').splitlines()
    assert f'$ mocean_why tuseday\n{said[0]}\n' in PAGE and f'$ mocean_end tuesday\n{said[1]}\n' in PAGE
    assert vm.sh('ls /run/mocean-tuesday.sock 2>/dev/null', check=False) == ''
    for word in 'mocean_why tuesday', 'mocean_journal tuesday', 'mocean_find tuesday words', 'mocean_end tuesday':
        assert 'There is no ocean tuesday here. There are: wednesday.' in vm.fails(word), word
    assert 'is up, and starts with the VM' in vm.user('mocean_new tuesday') and place(tuesday, id)
    assert 'mocean_new NAME. There are: tuesday wednesday.' in vm.fails('mocean_new')
    assert 'mocean_find tuesday NAME' in vm.fails('mocean_find tuesday')
    assert 'too many words for mocean_find: words ada' in vm.fails('mocean_find tuesday words ada')
    assert (vm.master(), vm.master(wednesday.unit)) == masters


@pytest.mark.systemd
def test_copies_are_of_one_ocean_and_another_ones_is_asked_about(vm, two):
    tuesday, wednesday = two
    id = join(tuesday, 'Copied')
    file = vm.user('mocean_backup tuesday').split('copied to ')[1].split()[0]
    assert file.startswith(f'{HOME}/backups/mocean-tuesday-20')
    kept = vm.user('echo yes | mocean_newgame tuesday').split('is kept in ')[1].split()[0].rstrip('.')
    assert kept.startswith(f'{tuesday.state}/before-') and tuesday(f'/location?id={id}').status == 404
    assert f'The ocean of {kept} is back' in vm.user('mocean_undo tuesday') and place(tuesday, id)
    for copy in file, kept:
        assert 'Nothing has changed' in vm.fails(f'echo no | mocean_restore wednesday {copy}')
    assert wednesday(f'/location?id={id}').status == 404
    said = vm.user(f'echo yes | mocean_restore wednesday {file}')
    assert f'The ocean of {file} is back' in said and place(wednesday, id) == place(tuesday, id)
    assert 'is back' in vm.user('mocean_undo wednesday') and wednesday(f'/location?id={id}').status == 404
    assert 'mocean_restore tuesday FILE' in vm.fails('mocean_restore tuesday')


# ---------------------------------------------------------------- each night, and an upgrade


@pytest.mark.systemd
def test_each_night_all_oceans_are_copied_and_the_last_fourteen_kept(vm, two):
    assert vm.sh('systemctl is-enabled mocean-backup.timer') == 'enabled'
    assert '03:00:00' in vm.sh('systemctl show --value --property NextElapseUSecRealtime mocean-backup.timer')
    assert vm.sh('systemd-analyze verify mocean-backup.service mocean-backup.timer 2>&1') == ''
    other = 'mocean-tuesday-and-more-2020-01-01-030000.tar.gz'
    vm.user(f'mkdir -p backups; cd backups; rm -f *; touch {other} photos.tar.gz mocean-tuesday-best.tar.gz; '
            'for day in $(seq 10 29); do touch mocean-tuesday-2020-01-$day-030000.tar.gz; done')
    vm.sh('systemctl start mocean-backup')
    names = vm.sh(f'ls {HOME}/backups').split()
    assert {other, 'photos.tar.gz', 'mocean-tuesday-best.tar.gz'} < set(names)      # no others, and none by hand
    copies = collections.Counter(re.sub(r'-20\d\d-\d\d-\d\d-\d{6}\.tar\.gz$', '', name) for name in names)
    assert copies['mocean-tuesday'] == KEPT and copies['mocean-wednesday'] == copies['mocean'] == 1
    assert 'mocean-tuesday-2020-01-17-030000.tar.gz' in names and 'mocean-tuesday-2020-01-16-030000.tar.gz' not in names
    assert vm.sh(f'tar -tzf {HOME}/backups/mocean-tuesday-202[1-9]*').count('mocean.json') == 1
    well = vm.user('mocean_doctor')
    assert ' ok  Each night all oceans are copied; the last time: ' in well
    for name in 'tuesday', 'wednesday':
        assert f' ok  {name}: The newest backup is 0 days old: {HOME}/backups/mocean-{name}-20' in well
        assert f' ok  {name}: The ocean is readable: /var/lib/mocean-{name}/mocean.json' in well
        assert f' !!  {name}: It is up, but nobody can reach it yet' in well


@pytest.mark.systemd
def test_a_night_without_room_is_seen_by_the_doctor(vm, two):
    vm.sh(f'mount -t tmpfs -o size=4k,mode=777 full {HOME}/backups; head -c 4k /dev/zero > {HOME}/backups/filler')
    try:
        vm.sh('systemctl start mocean-backup', check=False)
        assert ' !!  The last copies of the night failed' in vm.user('mocean_doctor')
        assert 'There is no new backup' in vm.sh('journalctl -q -t mocean-backup -n 20')
        vm.sh('systemctl stop mocean-backup.timer')
        assert ' !!  There is no copy each night. Remedy: bash' in vm.user('mocean_doctor')
    finally:
        vm.sh(f'umount {HOME}/backups; systemctl start mocean-backup.timer mocean-backup')


PACKAGE = '''
mkdir -p /srv/debs/one/DEBIAN; cd /srv/debs
printf '%s\\n' 'Package: python3-venv' 'Version: 9' 'Architecture: all' 'Maintainer: tests' \
    'Description: an empty one' > one/DEBIAN/control
dpkg-deb --root-owner-group --build one . >/dev/null
{ cat one/DEBIAN/control; echo "Filename: ./python3-venv_9_all.deb"; echo "Size: $(stat -c %s *.deb)"
  echo "SHA256: $(sha256sum *.deb | cut -d' ' -f1)"; } > Packages
rm -rf /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/debs ./' > /etc/apt/sources.list
dpkg --remove --force-depends python3-venv 2>&1'''
HOLD = '''
import fcntl, time
with open('/var/lib/dpkg/lock-frontend', 'w') as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    print('held', flush=True)
    time.sleep(4)
'''


@pytest.mark.systemd
def test_an_upgrade_waits_for_apt_and_reloads_every_ocean(vm, two):
    """apt is busy, as on a VM that was just switched on; it has one package to install, from a folder of the VM."""
    tuesday, _ = two
    id = join(tuesday, 'Upgrade')
    here, master, worker = place(tuesday, id), vm.master(tuesday.unit), vm.children(tuesday.unit)[0]
    vm.sh(PACKAGE)
    vm.put('/srv/hold.py', HOLD)
    vm.sh('python3 /srv/hold.py > /srv/held 2>&1 &')
    poll(lambda: vm.sh('cat /srv/held') == 'held')
    began = time.monotonic()
    said = vm.setup()
    assert 'Done.' in said and time.monotonic() - began > 3
    assert vm.sh("dpkg-query -W -f '${Version}' python3-venv") == '9'
    assert place(tuesday, id) == here and vm.master(tuesday.unit) == master
    assert vm.children(tuesday.unit)[0] != worker
    assert vm.sh('systemctl is-active mocean-backup.timer') == 'active'
