"""The words that a teacher types, typed: in a terminal of user ubuntu, on a real systemd."""
import shutil
import subprocess

import pytest
from conftest import ROOT, join, place, poll

FILE = ROOT / 'bash_aliases'
WHY = ROOT / 'why.awk'
BOTH = ['activate', 'start', 'stop', 'restart', 'reload', 'status', 'daemon', 'journal', 'follow', 'ps', 'kill', 'why']


def bash(text):
    done = subprocess.run(['bash', '-c', text], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip('\n')


def why(journal):
    """What mocean_why makes of these lines of the journal."""
    done = subprocess.run(['awk', '-v', 'game=mocean', '-f', WHY], input=journal,
                          capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, '')
    return done.stdout.rstrip('\n')


@pytest.mark.skipif(not shutil.which('bash'), reason='there is no bash here')
def test_both_games_have_the_same_words():
    names = bash(f'. {FILE}; declare -F').split()
    for word in BOTH:
        assert f'mocean_{word}' in names and f'steps_{word}' in names
    for word in ['doctor', 'backup', 'restore', 'newgame', 'undo', 'find', 'captain']:
        assert f'mocean_{word}' in names


@pytest.mark.skipif(not shutil.which('bash'), reason='there is no bash here')
def test_reading_the_file_changes_nothing_but_words():
    before = 'export CONDA_DEFAULT_ENV=mine CONDA_SHLVL=2; cd /; set -eu; PATH=/mine:$PATH'
    look = 'env | grep -v ^_= | sort; pwd; echo $-'
    assert bash(f'{before}; {look}; ') == bash(f'{before}; . {FILE}; {look}')


def test_the_picture_at_the_top_of_why_is_true():
    picture = [line[6:] for line in WHY.read_text().splitlines() if line.startswith('#     ')]
    journal = [line.partition(' <- ')[0].rstrip() for line in picture if ' club ' in line]
    arrow = next(number for number, line in enumerate(picture) if line.strip() == 'v')
    assert len(journal) == 4
    assert why('\n'.join(journal)).splitlines() == picture[arrow + 1:arrow + 3]


def test_why_knows_the_line_that_systemd_writes_where_it_sees_the_kernel_kill():
    """Only with the memory controller of cgroup v2, as on Ubuntu: the lab may have to do without."""
    line = 'Nov 25 01:02:03 club systemd[1]: mocean.service: A process of this unit has been killed by the OOM killer.'
    assert why(line).startswith('Nov 25 01:02:03  Out of memory: the kernel killed a process that wanted more than ')
    assert why(line.replace('systemd[1]', 'mocean[1]')) == 'nothing at all.'


UP = 'Nov 25 01:00:00 club systemd[1]: Started mocean.service - Mocean, an ocean planet in the shape of a torus.\n'
HALTED = 'Nov 25 01:02:03 club mocean[8]: mocean halted: systemd says success, uwsgi exited with 0\n'
FULL = 'the disk of the server is full or broken (No space left on device); nothing has changed, tell your teacher'
RELOAD = 'Nov 25 01:02:03 club systemd[1]: Reloading mocean.service - Mocean, an ocean planet...\n'
FAILED = 'Nov 25 01:02:03 club systemd[1]: Reload failed for mocean.service - Mocean, an ocean planet.\n'
ENDLESS = ''.join(f'Nov 25 01:02:03 club sh[9]: {line}\n' for line in (
    'Traceback (most recent call last):', '  File "/home/ubuntu/my_routes.py", line 1, in <module>',
    'KeyboardInterrupt'))
BOOT = '-- Boot 0123456789abcdef0123456789abcdef --\n'


@pytest.mark.parametrize('journal, said', [
    (UP + HALTED + BOOT + UP, ['Nov 25 01:02:03  The VM was shut down, or started anew.']),
    (UP + BOOT + UP, ['Nov 25 01:00:00  The VM went down without a goodbye: the power, a crash, a hard reset.',
                      '                 What was answered in its last second may be lost, nothing else.']),
    (UP + HALTED + UP, ['Nov 25 01:02:03  Stopped on purpose: mocean_stop, a restart, or the VM going down.']),
    (UP + HALTED + UP.replace('Started', 'Starting').replace('mocean.service - Mocean, an ocean', 'steps.service - '
     'Steps, a ladder'), ['Nov 25 01:02:03  Steps took over: there is one port, and steps_start was typed.']),
    (UP + HALTED + 'Nov 25 01:02:04 club systemd[1]: Starting Steps, a ladder of puzzles...\n',         # Ubuntu 22.04
     ['Nov 25 01:02:03  Steps took over: there is one port, and steps_start was typed.']),
    (UP + HALTED.replace('success, uwsgi exited with 0', 'oom-kill, uwsgi killed with KILL'),
     ['Nov 25 01:02:03  Out of memory: the kernel killed it, systemd started it again.',
      '                 A route keeps too much, or MemoryMax in the unit is too small.']),
    (UP + 'Nov 25 01:02:04 club steps[7]: DAMN ! worker 1 (pid: 7) died :( trying respawn ...\n', ['nothing at all.']),
    (UP + f'Nov 25 01:02:03 club mocean[7]: Ada /move?heading=north: 503 {FULL}\n',
     ['Nov 25 01:02:03  The disk is full or broken: calls that change something were refused.',
      '                 Nothing is lost. mocean_doctor says how much is free, and what to do.']),
    (UP + f'Nov 25 01:02:03 club mocean[7]: Ada says to all: 503 {FULL}\n', ['nothing at all.']),
    (UP + 'Nov 25 01:02:03 club mocean[7]: data: cannot write /var/lib/mocean/data.sqlite: disk I/O error. The\n',
     ['Nov 25 01:02:03  What the players measure could not be written down. The game went on.',
      '                 The latest of it waits in memory. mocean_doctor says how much is free, and what to do.']),
    ('Nov 25 01:02:03 club mocean[7]: season.json cannot be read (no JSON): it is now called season.json-1\n',
     ['Nov 25 01:02:03  season.json cannot be read (no JSON): it is now called season.json-1',
      '                 The season begins anew; the broken file is kept.']),
    (UP + RELOAD + ENDLESS + FAILED,
     ['Nov 25 01:02:03  A reload was refused: reading it did not end (an endless loop?) (my_routes.py, line 1, in '
      '<module>). The old mocean.py plays on.', '                 Mend it, and then: mocean_reload']),
    (UP + RELOAD + HALTED.replace('success, uwsgi exited with 0', 'signal, uwsgi killed with KILL') + FAILED,
     ['Nov 25 01:02:03  The master was killed (mocean_kill, kill -9, out of memory), and started again.',
      '                 Nothing is lost.'])])
def test_why_knows_what_a_lab_cannot_show_and_what_it_can(journal, said):
    assert why(journal).splitlines() == said


@pytest.mark.skipif(not shutil.which('shellcheck'), reason='there is no shellcheck here')
@pytest.mark.parametrize('file', ['bash_aliases', 'setup_vm.sh', 'front.sh', 'tests/systemd_lab.sh'])
def test_the_shell_files_have_no_mistake(file):
    done = subprocess.run(['shellcheck', '-s', 'bash', ROOT / file], capture_output=True, text=True)
    assert done.stdout == ''


@pytest.mark.systemd
def test_a_new_terminal_knows_the_words(vm):
    assert vm.user('type -t mocean_why') == 'function'


@pytest.mark.systemd
def test_activate_brings_the_environment(vm):
    for game in 'mocean', 'steps':
        python = vm.user(f'{game}_activate; python -c "import bottle, sys; print(sys.prefix)"')
        assert python.startswith('/home/ubuntu/miniconda/envs/')


@pytest.mark.systemd
def test_start_stop_restart_and_status(vm):
    vm.user('mocean_stop')
    assert vm.state() == 'inactive'
    assert 'http://localhost:8080/mocean' in vm.user('mocean_start')
    before = vm.master()
    assert 'mocean is up' in vm.user('mocean_restart')
    assert vm.master() != before and vm.answers()
    assert 'active (running)' in vm.user('mocean_status')
    assert 'steps is up' in vm.user('steps_start') and vm.state() == 'inactive'
    assert 'active (running)' in vm.user('steps_status')


@pytest.mark.systemd
def test_ps_shows_the_three_processes_and_not_itself(vm):
    rows = vm.user('mocean_ps').splitlines()
    numbers = {int(row.split()[0]) for row in rows if row.split()[0].isdigit()}
    worker, router = vm.children()
    assert numbers == {vm.master(), worker, router}
    for number, what in (vm.master(), 'the master'), (worker, 'the worker'), (router, 'the router'):
        assert next(row for row in rows if row.split()[0] == str(number)).partition('the ')[2].startswith(what[4:])
    vm.user('mocean_stop')
    assert 'mocean_start starts it' in vm.fails('mocean_ps')


@pytest.mark.systemd
def test_kill_is_a_crash_from_which_the_game_comes_back(vm):
    before = vm.master()
    vm.user('mocean_kill')
    poll(vm.answers, 3)
    assert vm.master() != before


@pytest.mark.systemd
def test_the_journal_and_the_live_log_show_what_was_said(vm):
    vm.sh('systemctl start steps')
    vm.say('/steps?message=for%20the%20journal')
    poll(lambda: 'Server received message: for the journal' in vm.user('steps_journal'))
    live = vm.user('timeout 1 bash -c ". ~/mocean/bash_aliases; steps_follow"; true')
    assert 'Server received message: for the journal' in live


@pytest.mark.systemd
def test_a_changed_unit_is_read_by_daemon(vm):
    vm.sh('touch /etc/systemd/system/mocean.service')
    assert 'mocean_daemon' in vm.user('mocean_doctor')
    vm.user('mocean_daemon')
    assert 'mocean_daemon' not in vm.user('mocean_doctor')


@pytest.mark.systemd
def test_a_backup_brings_back_the_ocean_as_it_was(vm):
    id = join(vm, 'Backup')
    here = place(vm, id)
    file = vm.user('mocean_backup').split('copied to ')[1].split()[0]
    assert vm.sh(f'stat -c %a {file}') == '600'
    for _ in range(3):
        vm.say(f'/move?id={id}&heading=north')
    assert place(vm, id) != here
    assert 'is kept in' in vm.user(f'mocean_restore {file}')
    assert place(vm, id) == here
    assert file in vm.fails('mocean_restore')
    vm.sh(f'head -c 300 {file} > {file}.part')
    assert 'Nothing has changed' in vm.fails(f'mocean_restore {file}.part')
    assert place(vm, id) == here


@pytest.mark.systemd
def test_a_backup_that_finds_no_room_is_none(vm):
    vm.sh('mkdir -p /home/ubuntu/backups; mount -t tmpfs -o size=4k,mode=777 full /home/ubuntu/backups')
    try:
        vm.sh('head -c 4k /dev/zero > /home/ubuntu/backups/filler')
        assert 'There is no new backup' in vm.fails('mocean_backup')
        assert vm.sh('ls /home/ubuntu/backups') == 'filler'
    finally:
        vm.sh('umount /home/ubuntu/backups')


@pytest.mark.systemd
def test_a_new_game_keeps_the_old_one(vm):
    id = join(vm, 'Newgame')
    assert 'Nothing has changed' in vm.fails('echo no | mocean_newgame')
    kept = vm.user('echo yes | mocean_newgame').split('is kept in ')[1].split()[0].rstrip('.')
    assert '0,0' not in vm.say(f'/location?id={id}')
    assert 'Newgame' in vm.sh(f'cat {kept}/mocean.j*')


@pytest.mark.systemd
def test_the_doctor_finds_what_is_wrong_and_names_the_remedy(vm):
    vm.user('mocean_backup')
    healthy = vm.user('mocean_doctor')
    assert [line for line in healthy.splitlines() if line.startswith(' !!') and 'clock' not in line] == []
    vm.sh('systemctl disable --quiet mocean; systemctl stop mocean; mv /home/ubuntu/backups /home/ubuntu/elsewhere')
    try:
        ill = vm.user('mocean_doctor')
    finally:
        vm.sh('systemctl enable --quiet mocean; mv /home/ubuntu/elsewhere /home/ubuntu/backups')
    for remedy in 'sudo systemctl enable mocean', 'both are stopped. Remedy: mocean_start', 'Remedy: mocean_backup':
        assert remedy in ill
