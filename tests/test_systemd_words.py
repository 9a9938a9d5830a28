"""True words: what mocean_restore, mocean_reload, mocean_doctor and the others say after they have looked."""
import contextlib
import http.client
import pathlib
import re
import time

import pytest
from conftest import ROOT, free_port, join, place, poll

from mocean import LOG_LINES_OF_ONE_PER_S

pytestmark = pytest.mark.systemd
STATE = '/var/lib/mocean'
HOME = '/home/ubuntu'


@contextlib.contextmanager
def small_disk(vm, options):
    """The state folder on a disk of its own, and mocean up on it."""
    vm.sh(f'systemctl stop mocean; mount -t tmpfs -o {options},mode=700,uid=$(id -u ubuntu) small {STATE}; '
          'systemctl start mocean')
    try:
        yield
    finally:
        vm.sh(f'systemctl stop mocean; umount {STATE}; systemctl start mocean')


@contextlib.contextmanager
def own_program(vm, text):
    """Another mocean.py in the teacher's home."""
    vm.sh(f'rm {HOME}/mocean.py')
    vm.put(f'{HOME}/mocean.py', text)
    try:
        yield
    finally:
        vm.sh(f'ln -sfn mocean/mocean.py {HOME}/mocean.py')


def as_guest(vm, text):
    """Typed by somebody who may not use sudo."""
    return vm.sh(f"id guest >/dev/null 2>&1 || useradd guest; cd /; runuser -u guest -- env HOME=/tmp bash -c "
                 f"'. /srv/mocean/bash_aliases; {text}' 2>&1", check=False)


def files(vm):
    """What lies in the state folder, but for the two that SQLite makes and takes away as it likes."""
    return [name for name in vm.sh(f'cd {STATE}; ls -d *').split() if not name.startswith('data.sqlite-')]


# ---------------------------------------------------------------- nothing moves before there is room for it


def test_where_no_folder_can_be_made_nothing_changes(vm):
    backup = vm.user('mocean_backup').split('copied to ')[1].split()[0]
    with small_disk(vm, 'size=600M,nr_inodes=40'):
        id = join(vm, 'Inodes')
        here = place(vm, id)
        vm.sh(f'for i in $(seq 50); do : > {STATE}/fill-$i; done 2>/dev/null', check=False)
        before = files(vm)
        assert 'Nothing has changed' in vm.fails('echo yes | mocean_newgame')
        assert 'Nothing has changed' in vm.fails(f'mocean_restore {backup}')
        assert files(vm) == before and place(vm, id) == here
        assert 'room for only 0 more files' in vm.user('mocean_doctor')


def test_where_one_file_cannot_be_moved_all_stay(vm):
    id = join(vm, 'Stuck')
    here = place(vm, id)
    vm.sh('systemctl restart mocean')
    poll(lambda: vm.sh(f'ls {STATE}/data.sqlite', check=False))
    vm.sh(f'mount --bind {STATE}/data.sqlite {STATE}/data.sqlite')
    try:
        before = files(vm)
        said = vm.fails('echo yes | mocean_newgame')
        assert 'could not be moved. Nothing has changed.' in said and files(vm) == before
        poll(vm.answers)
        assert place(vm, id) == here
    finally:
        vm.sh(f'umount {STATE}/data.sqlite')


def test_where_a_copy_has_no_room_nothing_changes(vm):
    join(vm, 'Room')
    vm.sh(f'head -c 500k /dev/urandom > {STATE}/saved.json; chown ubuntu: {STATE}/saved.json')
    backup = vm.user('mocean_backup').split('copied to ')[1].split()[0]
    vm.sh(f'rm {STATE}/saved.json')
    with small_disk(vm, 'size=600k'):
        id = join(vm, 'Small')
        poll(lambda: 'data.sqlite' in files(vm))                # written a second after the first boat
        vm.sh(f'head -c 200k /dev/zero > {STATE}/fill')
        before = files(vm)
        said = vm.fails(f'mocean_restore {backup}')
        assert 'could not be unpacked' in said and 'Nothing has changed' in said
        assert files(vm) == before and place(vm, id)


def test_what_is_no_ocean_is_not_restored(vm):
    id = join(vm, 'Photos')
    poll(lambda: 'data.sqlite' in files(vm))                    # written a second after the first boat
    before = files(vm)
    vm.user('tar -C /etc -czf photos.tar.gz hostname; mkdir -p empty; echo {} > empty/mocean.json; '
            'tar -C empty -czf empty.tar.gz .')
    for file, why in ('photos.tar.gz', 'there is no mocean.json in it'), ('empty.tar.gz', 'cannot be read'), \
            ('empty', 'cannot be read'), (f'{STATE}/nothing', 'There is no '):
        said = vm.fails(f'mocean_restore {file}')
        assert why in said, said
    assert files(vm) == before and place(vm, id)


def test_folders_that_were_put_aside_are_brought_back_and_undo_undoes(vm):
    """mocean_newgame, mocean_undo twice, a folder of the captain's; the season stays."""
    id = join(vm, 'Undone')
    season = '{"someone": {"name": "Someone", "points": 25, "rounds": 1, "last": 0}}'
    vm.put(f'{STATE}/season.json', season)
    key = vm.sh(f'sed -n s/^MOCEAN_CAPTAIN=//p {HOME}/mocean.env')
    saved = vm(f'/captain?key={key}&order=save&n=1').split()[-1]
    said = vm.user('echo yes | mocean_newgame')
    kept = said.split('is kept in ')[1].split()[0].rstrip('.')
    assert 'A new ocean is up. mocean_undo brings the old one back.' in said
    assert vm(f'/location?id={id}').status == 404
    assert 'is back, with' in vm.user('mocean_undo') and place(vm, id)
    vm.user('mocean_undo')
    assert vm(f'/location?id={id}').status == 404
    for folder in kept, f'{STATE}/{saved}':
        assert f'The ocean of {folder} is back' in vm.user(f'mocean_restore {folder}')
        assert place(vm, id)
        vm.user('echo yes | mocean_newgame')
    assert vm(f'/captain?key={key}&order=newgame&n=2').status == 200         # the same way of putting aside
    vm.user(f'mocean_restore {kept}')
    assert place(vm, id) and vm.sh(f'cat {STATE}/season.json') == season
    assert vm.sh(f'ls -d {STATE}/coming-* 2>/dev/null', check=False) == ''


def test_in_a_week_of_steps_restore_asks(vm):
    join(vm, 'Week')
    vm.user('echo yes | mocean_newgame; steps_start')
    said = vm.fails('echo no | mocean_undo')
    assert 'Nothing has changed' in said and vm.state('steps') == 'active'
    assert 'is back' in vm.user('echo yes | mocean_undo') and vm.state() == 'active'


def test_the_teacher_finds_an_id_by_the_name(vm):
    id = join(vm, 'Forgetful')
    assert f'Forgetful has the id {id} and' in vm.user('mocean_find forgetful')
    vm.sh('systemctl restart mocean')
    vm(f'/quit?id={id}&sure=yes')
    assert id in vm.user('mocean_find FORGETFUL')
    assert 'Forgetful' in vm.fails('mocean_find nobodyhere')
    assert 'mocean_find NAME' in vm.fails('mocean_find')


# ---------------------------------------------------------------- what a reload is told


ONLY_IN_THE_SERVICE = 'try:\n    import uwsgi\nexcept ImportError:\n    application = print\nelse:\n    no_such_name\n'
BROKEN = {'import sys\nsys.exit()\n': 'mocean.py has a mistake, or ends before application is there',
          'def x(:\n': 'SyntaxError: invalid syntax (mocean.py, line 1)',
          'aplication = print\n': "AttributeError: module 'mocean' has no attribute 'application'",
          '': "AttributeError: module 'mocean' has no attribute 'application'"}


def test_a_file_that_would_not_start_is_not_reloaded(vm):
    worker, _ = vm.children()
    for text, why in BROKEN.items():
        with own_program(vm, text):
            said = vm.fails('mocean_reload')
            assert 'Not reloaded: the old mocean.py plays on.' in said and why in said
            if not text.startswith('ap'):
                assert ' !!  mocean.py could not be loaded' in vm.user('mocean_doctor')
    assert vm.answers() and vm.children()[0] == worker


def test_where_nobody_answers_after_a_reload_it_says_so(vm):
    with own_program(vm, ONLY_IN_THE_SERVICE):
        said = vm.fails('mocean_reload')
        assert 'Not reloaded, and mocean does not answer now.' in said and 'no_such_name' in said
        assert 'mocean.py, line 6' in vm.user('mocean_why')
    poll(vm.answers)


def test_files_that_are_not_the_games_own_are_named(vm):
    id = join(vm, 'Owner')
    vm.sh(f'chown root {STATE}/mocean.json')
    try:
        said = vm.fails('mocean_reload')
        assert f'{STATE}/mocean.json may not be read or written by ubuntu' in said and 'plays on' in said
        ill = vm.user('mocean_doctor')
        assert f'{STATE}/mocean.json belongs to root' in ill and f'Remedy: sudo chown -R ubuntu: {STATE}' in ill
        assert 'Remedy: mocean_restore' not in ill
        assert 'Permission denied' in vm.fails('mocean_restart')
    finally:
        vm.sh(f'chown ubuntu {STATE}/mocean.json')
    poll(vm.answers)
    assert place(vm, id)


def test_a_file_that_was_cut_off_is_mended_by_a_start(vm):
    id = join(vm, 'Cut')
    vm.sh(f'systemctl stop mocean; truncate -s 300 {STATE}/mocean.json')
    ill = vm.user('mocean_doctor')
    assert 'a start mends it' in ill and 'mocean_restore' not in ill
    assert 'both are stopped. Remedy: mocean_start' in ill
    vm.user('mocean_start')
    assert place(vm, id)


def test_a_mistake_in_a_file_that_rides_along_is_said_with_its_line(vm):
    riders = ['data', 'steps', 'captain']
    vm.sh(f'cd {HOME}/mocean; for file in {" ".join(riders)}; do sed -i "1i def x(:" $file.py; done')
    vm.put(f'{HOME}/my_routes.py', 'def ride(game, sea):\n    return game.Rider([game.Route("wave", 1)])\n')
    try:
        said = vm.user('mocean_reload')
        vm.mark()
        assert 'mocean.py is read anew; the game went on.' in said and vm.answers()
        for words in said, vm.user('mocean_why'), vm.user('mocean_doctor'):
            for rider in riders:
                line = f'{rider}.py does not ride along: SyntaxError: invalid syntax ({rider}.py, line 1). The rest'
                assert line in words, words
            assert 'my_routes.py does not ride along: TypeError: ' in words
            assert '(my_routes.py, line 2, in ride)' in words
        assert said.count('data.py does not') == 1
        assert ' !!  steps.py could not be loaded' in vm.user('mocean_doctor')
    finally:
        vm.sh(f'cd {HOME}/mocean; for file in {" ".join(riders)}; do sed -i 1d $file.py; done; rm {HOME}/my_routes.py; '
              'systemctl reload mocean')
    assert ' ok  mocean.py can be read, and what rides along with it.' in vm.user('mocean_doctor')


# ---------------------------------------------------------------- not installed, sudo refused, stopped


def test_a_reload_of_what_is_stopped_says_so(vm):
    vm.user('mocean_stop')
    assert 'mocean is not up: there is nothing to reload. mocean_start starts it' in vm.fails('mocean_reload')
    assert 'mocean is stopped. mocean_start starts it.' in vm.user('mocean_stop')
    assert 'mocean is not running' in vm.fails('mocean_kill')


def test_who_may_not_use_sudo_is_told_so(vm):
    vm.sh(f'cp -r {HOME}/mocean /srv/mocean; chmod -R a+rX /srv/mocean')
    for word in ('mocean_start', 'mocean_reload', 'mocean_why', 'mocean_newgame <<< yes', 'mocean_backup',
                 'mocean_undo', 'mocean_nightly', 'mocean_find ada', 'mocean_restore', 'steps_journal'):
        assert 'sudo refused: guest may not do that here' in as_guest(vm, word), word
    assert 'log in as ubuntu' in as_guest(vm, 'mocean_captain')
    as_root = vm.sh('. /srv/mocean/bash_aliases; mocean_new monday; mocean_captain; mocean_doctor', check=False)
    assert as_root.count('The game runs as ubuntu, and you are root.') == 2
    assert ' ok  mocean.py can be read, and what rides along with it.' in as_root
    assert as_guest(vm, 'mocean_nightly || echo failed').endswith('failed')
    ill = as_guest(vm, 'mocean_doctor')
    assert 'sudo refused' in ill and 'no ocean yet' not in ill and '0 MB' not in ill
    vm.sh('rm -r /srv/mocean')
    assert vm.answers()


def test_what_is_not_installed_is_said_and_how_it_comes(vm):
    vm.sh('systemctl stop mocean; mkdir /run/away; mv /etc/systemd/system/{mocean,steps}.service /run/away; '
          'systemctl daemon-reload')
    try:
        for word in 'mocean_start', 'mocean_reload', 'mocean_why', 'steps_start', 'mocean_doctor':
            said = vm.fails(word)
            assert 'not installed' in said and 'Remedy: bash /home/ubuntu/mocean/setup_vm.sh' in said, said
            assert 'MB free' not in said
    finally:
        vm.sh('mv /run/away/* /etc/systemd/system; rmdir /run/away; systemctl daemon-reload; systemctl start mocean')


# ---------------------------------------------------------------- small things


@pytest.mark.parametrize('typed, told', [
    ('mocean_journal 12abc', 'These are too many words for mocean_journal: 12abc'),
    ('mocean_journal 3 4', 'These are too many words for mocean_journal: 3 4'),
    ('mocean_stop Tuesday', 'There is no ocean Tuesday here.'),
    ('mocean_new tuesday wednesday', 'These are too many words for mocean_new: tuesday wednesday'),
    ('steps_start tuesday', 'These are too many words for steps_start: tuesday'),
    ('mocean_nightly tuesday', 'There is no ocean tuesday here.'),
    ('mocean_restore /nowhere', 'There is no /nowhere here.'),
    ('MOCEAN_BACKUPS=/nowhere; MOCEAN_STATE=/nowhere; mocean_restore', 'There is no copy yet; mocean_backup makes'),
    ('mocean_restore /etc/shadow', 'ubuntu may not read /etc/shadow.\nNothing has changed.'),
    ('mocean_restore /etc/passwd', '/etc/passwd is no whole backup.\nNothing has changed.')])
def test_what_cannot_be_meant_is_told(vm, typed, told):
    assert vm.fails(typed).startswith(told)


def test_where_the_project_went_away_the_words_say_so(vm):
    vm.sh(f'mv {HOME}/mocean/why.awk {HOME}/why.aside')
    try:
        for word in 'mocean_why', 'mocean_doctor':
            told = vm.user(word)
            assert f'The project is no longer in {HOME}/mocean' in told
            assert 'nothing at all' not in told and 'can be read, and what rides' not in told
    finally:
        vm.sh(f'mv {HOME}/why.aside {HOME}/mocean/why.awk')


def test_a_key_too_short_for_a_deck_is_said(vm):
    vm.sh(f'cd {HOME}; cp -p mocean.env aside.env; echo MOCEAN_CAPTAIN=short >> mocean.env')
    try:
        assert vm.fails('mocean_captain').startswith('There is no deck: the key in ~/mocean.env has less than 12')
    finally:
        vm.sh(f'cd {HOME}; mv aside.env mocean.env')


def test_a_folder_where_a_file_should_be_is_found_by_the_doctor(vm):
    vm.sh(f'systemctl stop mocean; cd {STATE}; mv mocean.json mocean.json-aside; mkdir mocean.json')
    try:
        assert "Is a directory: '/var/lib/mocean/mocean.json'" in vm.fails('mocean_start')
        ill = vm.user('mocean_doctor')
        assert f'!!  {STATE}/mocean.json is a folder, and a file should be there.' in ill and 'damaged' not in ill
        assert vm.fails('mocean_find ada').startswith(f'There is no ocean in {STATE} yet.')
    finally:
        vm.sh(f'systemctl stop mocean; cd {STATE}; rm -r mocean.json; mv mocean.json-aside mocean.json; '
              'systemctl start mocean')
    assert vm.answers()


def test_a_file_whose_reading_never_ends_is_named_with_its_line(vm):
    vm.put(f'{HOME}/my_routes.py', 'while True:\n    pass\n')
    try:
        why = 'reading it did not end (an endless loop?) (my_routes.py, line '
        assert f'A reload was refused: {why}' in vm.fails('mocean_reload')
        assert f'mocean.py could not be loaded: {why}' in vm.user('mocean_doctor')
    finally:
        vm.sh(f'rm {HOME}/my_routes.py')
    assert vm.answers()


def test_the_doctor_sees_misspelt_settings_and_an_ocean_by_hand(vm):
    vm.sh(f'echo MOCEAN_LGO=debug >> {HOME}/mocean.env; echo {{}} > {HOME}/mocean/mocean.json')
    try:
        ill = vm.user('mocean_doctor')
    finally:
        vm.sh(f'sed -i /LGO/d {HOME}/mocean.env; rm {HOME}/mocean/mocean.json')
    assert 'mocean.env sets MOCEAN_LGO, which no program reads' in ill
    assert f'{HOME}/mocean/mocean.json is another ocean' in ill
    assert 'MOCEAN_CAPTAIN' not in ill


def test_the_doctor_sees_news_of_a_day_that_has_not_come(vm):
    """The clock of the VM was ahead, and is right again."""
    join(vm)
    assert 'The clock was ahead' not in vm.user('mocean_doctor')
    vm.sh(f"""systemctl restart mocean; systemctl stop mocean; cd {STATE}
              sed -i -E '/"news"/,$ s/"at":[0-9.]+/"at":4102444800.0/' mocean.json
              systemctl start mocean""")
    assert 'and the news tells of 2100-01-01T00:00:00Z' in vm.user('mocean_doctor')


def test_status_shows_whole_lines(vm):
    vm(f'/{"nonsense" * 20}?id=nobody')
    vm(f'/move?id=nobody&heading={"north" * 6}')
    longest = max(vm.sh('journalctl -q -u mocean -n 5').splitlines(), key=len)
    assert len(longest) > 120 and longest in vm.user('stty cols 80 2>/dev/null; COLUMNS=80 mocean_status')


def test_junk_does_not_fill_the_journal(vm):
    """At most a line for each, of uWSGI's router, where one hangs up; of the game no more than it allows to nobody."""
    began, calls = time.monotonic(), 300
    for _ in range(calls):
        connection = http.client.HTTPConnection('127.0.0.1', 8080, timeout=10)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request('POST', '/junk', body='x' * 1000)
            connection.getresponse().read()
    seconds, lines = time.monotonic() - began, vm.journal().splitlines()
    own = [line for line in lines if 'uwsgi-http' not in line]
    assert len(lines) <= calls and len(own) <= LOG_LINES_OF_ONE_PER_S * (seconds + 2)


def asked_by(family, address):
    connection = http.client.HTTPConnection(address, 8080, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request('GET', '/health')
        return connection.getresponse().status == 200
    return False


def test_ipv4_and_ipv6_are_both_served_and_without_ipv6_it_still_starts(vm):
    switch = pathlib.Path('/proc/sys/net/ipv6/conf/all/disable_ipv6')            # of the lab's network
    for off in '1', '0':
        if not switch.exists() and off == '0':                                   # a kernel without IPv6
            continue
        if switch.exists():
            switch.write_text(off)
        vm.sh('systemctl restart mocean')
        assert asked_by('ipv4', '127.0.0.1')
        assert asked_by('ipv6', '::1') == (off == '0')
        assert 'Port 8080 belongs to uWSGI' in vm.user('mocean_doctor')


def test_a_proxy_and_half_an_environment_stop_nothing(vm):
    vm.sh(f'cd {HOME}/miniconda/envs/mocean-env; rm -r bin/pip* lib/python*/site-packages/pip')
    said = vm.user(f'export http_proxy=http://127.0.0.1:9 PYTHON={vm.python} PIP_NO_INDEX=1; '
                   'export PIP_FIND_LINKS=/srv/wheels; bash ~/mocean/setup_vm.sh; mocean_doctor; mocean_restart')
    assert 'Done.' in said and ' ok  The game answers' in said and 'mocean is up' in said, said


# ---------------------------------------------------------------- why


def test_why_names_the_rule_that_forgot_its_return_and_finds_a_prompt(vm):
    vm.put(f'{HOME}/my_routes.py', (ROOT / 'tests' / 'traps.py').read_text())
    try:
        vm.sh('systemctl reload mocean')
        assert [vm(path).status for path in ('/forgets', '/trap?kind=prompts', '/trap?kind=mutters')] == [500] * 3
        with contextlib.suppress(OSError, http.client.HTTPException):
            vm('/trap?kind=slips')
        poll(vm.answers)
        why = vm.user('mocean_why')
    finally:
        vm.sh(f'rm {HOME}/my_routes.py; systemctl reload mocean')
    assert 'rule_forgets returned None, and a rule returns what is to be told.' in why
    assert 'Look at the end of that rule: a return is missing.' in why
    assert 'input() waits for somebody who types, and nobody does (my_routes.py, line ' in why and 'in prompts)' in why
    assert 'ValueError: a trap (my_routes.py, line ' in why and 'in mutters)' in why
    assert 'The worker ended by itself' in why


def test_why_finds_the_line_of_a_mistake_in_data_and_in_steps(vm):
    slips = {'data': r's/^def on_version():/&\n    1 \/ 0/', 'steps': r's/^def on_progress(board):/&\n    1 \/ 0/'}
    vm.sh(f'cd {HOME}/mocean; ' + '; '.join(f'cp {name}.py {name}.whole; sed -i "{slip}" {name}.py'
                                             for name, slip in slips.items()) + '; systemctl reload mocean')
    try:
        assert [vm(path).status for path in ('/erddap/version?id=abcd2345', '/progress')] == [500, 500]
        assert 'ZeroDivisionError' in vm.journal() and 'abcd2345' not in vm.journal()
        why = vm.user('mocean_why')
        assert re.search(r'ZeroDivisionError: division by zero \(data.py, line \d+, in on_version\)', why)
        assert re.search(r'ZeroDivisionError: division by zero \(steps.py, line \d+, in on_progress\)', why)
        vm.sh(f'sed -i "1i def x(:" {HOME}/mocean/steps.py')
        assert 'steps.py could not be loaded: SyntaxError: invalid syntax (steps.py, line 1)' in vm.fails('steps_start')
    finally:
        vm.sh(f'cd {HOME}/mocean; mv data.whole data.py; mv steps.whole steps.py; systemctl start mocean; '
              'systemctl reload mocean')


def test_why_says_that_the_ocean_is_open_elsewhere(vm):
    vm.sh('systemctl stop mocean')
    vm.sh(f'systemd-run --quiet --unit byhand --uid ubuntu -E STATE_DIRECTORY={STATE} -E PORT={free_port()} '
          f'{HOME}/miniconda/envs/mocean-env/bin/python -B {HOME}/mocean/mocean.py')
    try:
        poll(lambda: 'begins' in vm.sh('journalctl --sync; journalctl -u byhand -o cat'))
        assert 'mocean could not start: another process has this ocean open' in vm.fails('mocean_start')
    finally:
        vm.sh('systemctl stop byhand')
    poll(vm.answers)


def test_why_says_who_took_the_port(vm):
    vm.sh('systemctl restart mocean; systemctl start steps; systemctl start mocean')
    assert 'Steps took over: there is one port, and steps_start was typed.' in vm.user('mocean_why')
    assert 'Mocean took over: there is one port, and mocean_start was typed.' in vm.user('steps_why')
