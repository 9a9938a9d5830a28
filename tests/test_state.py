"""The memory: nothing that was answered is ever lost, whatever happens to the files, the disk or the process."""
import contextlib
import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from blows import merged
from conftest import ROOT, UWSGI_OPTIONS, Clock, Inside, Server, as_killed, join, mounted, place, poll, woken

import mocean


def document(ocean):
    """The ocean as a program would read it from the state file, but for what only waits for the data service."""
    whole = json.loads(json.dumps(mocean.document_of(ocean)))
    return {name: value for name, value in whole.items() if name != 'soundings'}


def row(say, id, heading='ne', steps=5):
    """Row, as soon as the boat may: where it is then."""
    return poll(lambda: (reply := say(f'/move?id={id}&heading={heading}&steps={steps}')).status != 429 and reply)


# --- what is written down ------------------------------------------------------------------------------------------

CALLS = ['join?name=ada', 'join?name=Bob', 'join?name=李雷', 'quit?sure=yes',
         'move?heading=ne&steps=7', 'move?heading=w', 'move?heading=s&n=7', 'move?heading=nroth',
         'accel?ctrl=w', 'accel?ctrl=a', 'stop?', 'dive?direction=down', 'dive?ctrl=r',
         'location?', 'look?', 'ping?', 'ping?n=7', 'get?item=treasure', 'get?item=whale',
         'use?item=crash alert', 'use?item=iron dust', 'use?item=fishing net',
         'sendchat?name=all&message=ahoy', 'sendchat?name=bob&message=hi', 'popchat?']


def play_on(say, clock, dice, calls):
    """A lively game: many calls by whoever is aboard."""
    ids = {}
    for call in dice.choices(CALLS, [3 if 'join' in call else 0.3 if 'quit' in call else 2 for call in CALLS], k=calls):
        clock.now += dice.choice((0.1, 1, 20))
        if call.startswith('join'):
            reply = say('/' + call)
            if reply.status == 200:
                ids[call] = reply.split(',')[0]
        elif ids:
            reply = say(f'/{call}&id={dice.choice(list(ids.values()))}')
            assert reply.status < 500, reply


@pytest.mark.parametrize('seed', range(5))
def test_replay_equals_live_and_each_line_is_a_merge_patch(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(mocean, 'STATE_S', 1e9)      # all in one journal
    clock, dice = Clock(), random.Random(seed)
    with woken(tmp_path / 'live', clock=clock, dice=dice) as say:
        say('/health')
        before = json.loads((say.folder / 'mocean.json').read_bytes())
        play_on(say, clock, dice, 300)
        live = document(say.app.sea.ocean)
        killed = as_killed(say, tmp_path / 'killed')
    lines = (killed / 'mocean.journal').read_bytes().splitlines()
    assert len(lines) > 50
    for line in lines:
        before = merged(before, json.loads(line))
    before.pop('soundings')
    assert before == live
    journal = mocean.Journal(killed)
    replayed = journal.load()
    journal.close()
    assert document(replayed) == live
    assert [list(live[table]) for table in mocean.TABLES] == [list(getattr(replayed, table)) for table in mocean.TABLES]


@pytest.mark.parametrize('value', [
    {}, [], {'a': (1, [2.5, -1e-17, 1e300]), 'é 李 🐳 "\\\n\u2028': None}, 'word', 7, True])
def test_the_files_hold_what_any_json_reader_reads(value):
    assert mocean.encode(value) == json.dumps(value, ensure_ascii=False, separators=(',', ':'))


@pytest.mark.parametrize('seed', range(3))
def test_a_game_saved_again_and_again_is_the_same_game(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(mocean, 'SYNC_S', 1e6)             # what the sea does by itself would come in between
    clock, dice = Clock(), random.Random(seed)
    with woken(tmp_path / 'live', clock=clock, dice=dice) as say:
        for number in range(4):
            play_on(say, clock, dice, 60)
            killed = as_killed(say, tmp_path / f'killed{number}')
            mocean.save(say.app.sea)
            live = document(say.app.sea.ocean)
            for folder in (killed, as_killed(say, tmp_path / f'saved{number}')):
                journal = mocean.Journal(folder)
                assert document(journal.load()) == live
                journal.close()


def test_the_line_is_written_before_the_reply_leaves(tmp_path):
    clock = Clock()
    with woken(tmp_path, clock=clock) as say:
        id = join(say)
        for heading in mocean.HEADINGS:
            clock.now += 1
            place = say(f'/move?id={id}&heading={heading}')
            line = json.loads((tmp_path / 'mocean.journal').read_bytes().splitlines()[-1])
            boat = line['boats']['ada']
            assert {str(boat.get(axis, place.split(',')['xyz'.index(axis)])) for axis in 'xyz'} == set(place.split(','))


def test_the_state_file_can_be_read_by_people(tmp_path):
    with woken(tmp_path) as say:
        join(say, '李雷')
        mocean.save(say.app.sea)
    lines = (tmp_path / 'mocean.json').read_text(encoding='utf-8').split('\n')
    assert ' "boats": {' in lines
    assert any(line.startswith('  "李雷": {') for line in lines)


@pytest.fixture
def by_clock(tmp_path, monkeypatch):
    """A game with the clock in the hand, and nobody tends the sea but the test."""
    monkeypatch.setattr(mocean, 'SYNC_S', 1e6)
    clock = Clock()
    with woken(tmp_path / 'ocean', clock=clock) as say:
        say.clock, say.sea = clock, say.app.sea
        say('/health')
        yield say


def written(say):
    """Tend the sea; True if that wrote a fresh state file."""
    before = (say.folder / 'mocean.json').stat().st_ino
    mocean.tend(say.sea)
    return (say.folder / 'mocean.json').stat().st_ino != before


def test_a_fresh_state_file_is_written_each_minute(by_clock):
    for name in ('ada', 'bob', 'eve'):
        join(by_clock, name)
        by_clock.clock.now += 59.9
        assert not written(by_clock)
        by_clock.clock.now += 0.1
        assert written(by_clock) and not written(by_clock)
        assert name in json.loads((by_clock.folder / 'mocean.json').read_bytes())['boats']
    by_clock.clock.now += 60
    assert not written(by_clock)                    # nothing has happened since


def test_a_fresh_state_file_is_written_after_so_many_lines(by_clock, monkeypatch):
    monkeypatch.setattr(mocean, 'JOURNAL_LINES', 5)
    id = join(by_clock)
    mocean.save(by_clock.sea)
    mocean.save(by_clock.sea)                       # a new page has been begun
    for _ in range(2):
        for number in range(5):
            assert not written(by_clock), number
            by_clock.clock.now += 1
            assert by_clock(f'/ping?id={id}').status == 200
        assert written(by_clock) and not written(by_clock)
        assert json.loads((by_clock.folder / 'mocean.json').read_bytes())['number'] == by_clock.sea.ocean.number


def calls_of(work):
    """What the work asks of the disk, in order: the real calls, overheard."""
    heard = []

    def hear(frame, event, function):
        if event == 'c_call' and function in (os.fsync, os.fdatasync, os.replace):
            heard.append(function.__name__)
    sys.setprofile(hear)
    try:
        work()
    finally:
        sys.setprofile(None)
    return heard


def test_the_journal_is_brought_to_the_disk_once_where_something_was_written(by_clock):
    join(by_clock)
    assert calls_of(lambda: mocean.tend(by_clock.sea)) == ['fdatasync']
    assert calls_of(lambda: mocean.tend(by_clock.sea)) == []
    join(by_clock, 'bob')
    assert calls_of(by_clock.sea.close) == ['fdatasync']


def test_a_state_file_is_on_the_disk_before_it_takes_its_name(by_clock):
    document = mocean.document_of(by_clock.sea.ocean)
    assert calls_of(lambda: by_clock.sea.journal.put_state(document)) == \
        ['fsync', 'replace', 'replace', 'fsync']              # the last one is the folder's: the names


@pytest.mark.parametrize('gone', ['mocean.journal', 'mocean.lock', ''])
def test_what_is_taken_away_under_a_running_game_is_there_again(by_clock, tmp_path, gone):
    """Somebody tidies up: one file, or the whole folder."""
    id = join(by_clock)
    if gone:
        (by_clock.folder / gone).unlink()
    else:
        shutil.rmtree(by_clock.folder)
    mocean.tend(by_clock.sea)
    here = row(by_clock, id)
    with pytest.raises(mocean.Refusal, match='another process'):
        mocean.Journal(by_clock.folder)
    with woken(as_killed(by_clock, tmp_path / 'copy')) as say:
        assert say(f'/location?id={id}').startswith(here)


def test_where_its_folder_cannot_be_had_again_nothing_changes(by_clock):
    id = join(by_clock)
    shutil.rmtree(by_clock.folder)
    by_clock.folder.write_text('a file in its place')
    mocean.tend(by_clock.sea)
    reply = by_clock(f'/move?id={id}&heading=north')
    assert (reply.status, by_clock('/who')) == (503, 'ada,1') and reply.startswith('the disk of the server is full or')
    by_clock.folder.unlink()
    mocean.tend(by_clock.sea)
    assert by_clock(f'/move?id={id}&heading=north').status == 200


# --- a restart -----------------------------------------------------------------------------------------------------

def test_a_restart_changes_nothing(tmp_path):
    with woken(tmp_path) as say:
        id = join(say)
        say(f'/move?id={id}&heading=ne&steps=7')
        say(f'/sendchat?id={join(say, "bob")}&name=ada&message=ahoy')
        say(f'/location?id={id}')                    # perhaps over the seam: that is told once
        before = [say(path) for path in (f'/location?id={id}', '/who', '/score', '/news')]
        seed = say.app.sea.ocean.planet['mocean'].seed
    for _ in range(3):
        with woken(tmp_path) as say:
            assert [say(path) for path in (f'/location?id={id}', '/who', '/score', '/news')] == before
            assert say.app.sea.ocean.planet['mocean'].seed == seed
    with woken(tmp_path) as say:
        assert say(f'/popchat?id={id}') == 'bob,ahoy'


def test_the_next_run_tells_how_the_last_one_ended(tmp_path):
    clock = Clock()
    with woken(tmp_path / 'live', calendar=clock) as say:
        assert say('/health') == 'ok,0,0,this is the first run'
        clock.now += 7
        assert say('/health').startswith('ok,7,0,')
    with woken(tmp_path / 'live', calendar=clock) as say:
        assert say('/health') == 'ok,0,0,ended in good order at 1970-01-12T13:46:47Z'
        say(f'/move?id={join(say)}&heading=n')
        killed = as_killed(say, tmp_path / 'killed')
    with woken(killed, calendar=clock) as say:
        assert say('/health') == ('ok,0,1,ended without a goodbye: killed, crashed, or the power failed; '
                                  'the last thing that happened was: ada called move')


def test_no_line_happens_twice(tmp_path):
    """The state file is newer than its journal where a kill came between the two."""
    with woken(tmp_path / 'live') as say:
        id = join(say)
        say(f'/move?id={id}&heading=e&steps=9')
        journal = (say.folder / 'mocean.journal').read_bytes()
        mocean.save(say.app.sea)
        live = document(say.app.sea.ocean)
        killed = as_killed(say, tmp_path / 'killed')
    (killed / 'mocean.journal').write_bytes(journal)
    reader = mocean.Journal(killed)
    assert document(reader.load()) == live
    reader.close()


def test_no_line_happens_to_a_boat_that_is_gone(tmp_path, capsys):
    """The old journal moves a boat that it does not bring aboard, and that the newer state file has no more."""
    with woken(tmp_path / 'live') as say:
        id = join(say)
        mocean.save(say.app.sea)
        mocean.save(say.app.sea)
        say(f'/move?id={id}&heading=e&steps=9')
        say(f'/quit?id={id}&sure=yes')
        journal = (say.folder / 'mocean.journal').read_bytes()
        mocean.save(say.app.sea)
        live = document(say.app.sea.ocean)
        killed = as_killed(say, tmp_path / 'killed')
    assert b'called join' not in journal and b'called quit' in journal
    (killed / 'mocean.journal').write_bytes(journal)
    reader = mocean.Journal(killed)
    assert document(reader.load()) == live
    reader.close()
    assert 'not changes' not in capsys.readouterr().err and not list(killed.glob('*-2*'))


# --- files that are not as they should be --------------------------------------------------------------------------

@pytest.fixture
def lived(tmp_path):
    """A folder as a kill -9 left it, the id of ada, and where she was."""
    clock = Clock()
    with woken(tmp_path / 'live', clock=clock) as say:
        id = join(say)
        join(say, 'bob')
        say(f'/move?id={id}&heading=ne&steps=7')
        mocean.save(say.app.sea)
        clock.now += 1
        say(f'/move?id={id}&heading=w&steps=5')
        mocean.save(say.app.sea)                      # the last good copy knows less, and the last journal the rest
        clock.now += 1
        say(f'/move?id={id}&heading=s&steps=2')
        here = place(say, id)
        yield as_killed(say, tmp_path / 'killed'), id, here


def goes_on(folder, id, here):
    """All that was answered is there, the next record too, and so they are after one more start."""
    with woken(folder) as say:
        assert place(say, id) == here
        moved = row(say, id, 'w', 1)
        assert moved.status == 200
        again = as_killed(say, folder.with_name('again'))
    with woken(again) as say:
        assert place(say, id) == moved.split(',')


@pytest.mark.parametrize('tail', [
    b'{"number":', b'\0' * 600, b'{"number": 99, "last": "x"}', b'\0', b'\xff\xfe\0', b'[' * 5000])
def test_a_torn_last_line_is_cut_off(lived, tail, capsys):
    folder, id, here = lived
    with open(folder / 'mocean.journal', 'ab') as journal:
        journal.write(tail)
    goes_on(folder, id, here)
    said = capsys.readouterr().err
    assert f'mocean.journal ended in half a line ({len(tail)} bytes), never answered: cut off' in said


@pytest.mark.parametrize('garbage', [
    b'\0\0\0\0', b'\xff\xfe', b'[' * 200_000,
    b'null', b'7', b'"ahoy"', b'[]', b'{}', b'{"number": null}', b'{"number": "x"}',
    b'{"number": 10000, "last": "", "hats": {}'])
def test_a_garbage_line_inside_is_left_out_and_kept(lived, garbage, capsys):
    folder, id, here = lived
    first, *rest = (folder / 'mocean.journal').read_bytes().splitlines(keepends=True)
    (folder / 'mocean.journal').write_bytes(garbage + b'\n' + first + garbage + b'\n' + b''.join(rest))
    goes_on(folder, id, here)
    said = capsys.readouterr().err
    assert 'mocean.journal has 2 lines that are not changes: left out, all kept in mocean.journal-2' in said
    kept, = folder.glob('mocean.journal-2*')
    assert kept.read_bytes().split(b'\n')[0] == garbage


@pytest.mark.parametrize('line, words', [
    ('"boats": 7', 'boats is no table'), ('"boats": {"ada": [1]}', "boats 'ada' is no record"),
    ('"boats": {"ada": {"x": "7"}}', "boats 'ada': x is '7'"), ('"board": {"x": null}', "board 'x' is no key"),
    ('"sectors": {"60,0": null}', "sectors '60,0' is no key"), ('"finds": {"hat": {}}', "finds 'hat' is no key"),
    ('"mail": {"ada": {"letters": [7]}}', "mail 'ada': letters is '(7,)'")])
def test_what_a_field_cannot_hold_is_left_out_and_said(lived, line, words, capsys):
    folder, id, here = lived
    number = len((folder / 'mocean.journal').read_bytes().splitlines())
    with open(folder / 'mocean.journal', 'a') as journal:
        journal.write(f'\n{{"number": {number + 10_000}, "last": "", {line}}}\n')        # and an empty line
    goes_on(folder, id, here)
    said = capsys.readouterr().err
    assert f'change {number + 10_000}: {words}; left out' in said
    assert re.search(f'mocean.journal: changes [0-9]+ to {number + 9999} are missing', said)


def test_a_whole_last_line_without_its_end_counts(lived, capsys):
    """An editor has saved the journal."""
    folder, id, here = lived
    journal = folder / 'mocean.journal'
    journal.write_bytes(journal.read_bytes()[:-1])
    goes_on(folder, id, here)
    assert 'half a line' not in capsys.readouterr().err


@pytest.mark.parametrize('bad', [
    b'', b'{', b'\0' * 4096, b'[]', b'{}', b'null', b'\xff\xfe', b'[' * 200_000, b'half',
    b'{"number": 1, "last": "", "boats": {"ada": {"hat": 1}}}',
    b'{"number": 1, "last": "", "boats": {"ada": {"name": "ada", "id": "x", "x": "a", "y": "b"}}}'])
def test_a_state_file_that_cannot_be_read_is_set_aside_and_nothing_is_lost(lived, bad, capsys):
    folder, id, here = lived
    state = folder / 'mocean.json'
    bad = state.read_bytes()[:-99] if bad == b'half' else bad
    state.write_bytes(bad)
    goes_on(folder, id, here)
    aside, = folder.glob('mocean.json-2*')
    assert aside.read_bytes() == bad
    told = capsys.readouterr().err
    assert f'it is now called {aside.name}' in told and 'going on from the last good copy and its journal' in told


def test_a_state_file_damaged_at_two_starts_running_loses_nothing(tmp_path):
    """The copy and its journal must be fresh after each start: those of the last run have done their work."""
    with woken(tmp_path / '0') as say:
        id = join(say)
        for _ in range(3):
            here = row(say, id).split(',')
            mocean.save(say.app.sea)
        folder = as_killed(say, tmp_path / '1')
    for number in (2, 3):
        (folder / 'mocean.json').write_bytes(b'\0' * 100)
        with woken(folder) as say:
            assert place(say, id) == here
            folder = as_killed(say, tmp_path / str(number))


def test_a_missing_state_file_is_replaced_by_the_last_good_copy(lived):
    folder, id, here = lived
    (folder / 'mocean.json').unlink()
    goes_on(folder, id, here)


@pytest.mark.parametrize('file', ['mocean.json', 'mocean.last.json'])
def test_the_last_good_copy_is_needed_only_once_in_a_while(lived, file):
    folder, id, here = lived
    goes_on(folder, id, here)
    again = folder.with_name('again')
    with woken(again) as say:
        here = place(say, id)
    (again / file).write_bytes(b'\0' * 100)
    with woken(again) as say:
        assert place(say, id) == here


def test_a_start_writes_all_down_twice_and_empties_the_journal(lived):
    folder, id, here = lived
    with woken(folder) as say:
        assert place(say, id) == here
        assert (folder / 'mocean.journal').read_bytes() == b''
        for file in ('mocean.json', 'mocean.last.json'):
            boat = json.loads((folder / file).read_bytes())['boats']['ada']
            assert [str(boat[axis]) for axis in 'xyz'] == here


@pytest.mark.parametrize('name', [
    'mocean.json.new', 'mocean.last.json.new', 'mocean.lock', 'mocean.last.json', 'mocean.last.journal'])
def test_a_left_over_or_missing_helper_file_does_no_harm(lived, name):
    folder, id, here = lived
    (folder / name).write_bytes(b'left over') if name.endswith(('new', 'lock')) else (folder / name).unlink()
    goes_on(folder, id, here)


@pytest.mark.parametrize('journal', [b'', None])
def test_an_empty_or_missing_journal_is_an_empty_journal(lived, journal):
    folder, id, _ = lived
    with woken(folder) as say:
        here = place(say, id)
    (folder / 'mocean.journal').unlink() if journal is None else (folder / 'mocean.journal').write_bytes(journal)
    goes_on(folder, id, here)


@pytest.mark.parametrize('file', ['mocean.json', 'mocean.journal'])
def test_a_field_that_this_program_does_not_know_is_no_harm(lived, file):
    """Somebody has tried out a new field, and taken it out again."""
    folder, id, here = lived
    text = (folder / file).read_text(encoding='utf-8')
    assert '"paid":' in text
    (folder / file).write_text(text.replace('"paid":', '"hat":"top","paid":'), encoding='utf-8')
    goes_on(folder, id, here)


@pytest.mark.parametrize('line, damaged', [(2, 92), (4, 2)])
def test_a_damaged_number_costs_nothing(tmp_path, line, damaged):
    """Not the lines after it, and not, at the start after the next, those of the journal before."""
    with woken(tmp_path / 'live') as say:
        id = join(say)
        mocean.save(say.app.sea)
        for heading in 'sww':
            row(say, id, heading, 2)
        here, killed = place(say, id), as_killed(say, tmp_path / 'killed')
    journal = killed / 'mocean.journal'
    numbers = b'{"number":%d,' % line, b'{"number":%d,' % damaged
    assert journal.read_bytes().count(numbers[0]) == 1
    journal.write_bytes(journal.read_bytes().replace(*numbers))
    with woken(killed) as say:
        assert place(say, id) == here
        for _ in range(2):
            moved = row(say, id, 'n', 1)
        killed = as_killed(say, tmp_path / 'killed once more')
    goes_on(killed, id, moved.split(','))


@pytest.mark.parametrize('value', [b'1e999', b'-1e999', b'NaN', b'[]', b'"x"'])
def test_a_damaged_value_costs_one_line(lived, value):
    folder, id, _ = lived
    with open(folder / 'mocean.journal', 'ab') as journal:
        journal.write(b'{"number":9999,"last":"","boats":{"bob":{"x":' + value + b'}}}\n')
    here = place_of_killed(folder, id)
    goes_on(folder, id, here)


def place_of_killed(folder, id):
    """Where a boat is, read from a copy."""
    copy = folder.with_name('copy')
    shutil.copytree(folder, copy)
    with woken(copy) as say:
        return place(say, id)


def sea_time(say):
    """The sea time that a player can work out."""
    facts = say('/course?format=json').json()
    return (facts['course'] + 1) * mocean.COURSE_S - facts['ends_in_s']


def test_sea_time_stands_still_while_the_server_is_down(tmp_path):
    clock, calendar = Clock(5.0), Clock(1_700_000_000.0)
    with woken(tmp_path / 'live', clock=clock, calendar=calendar) as say:
        id = join(say)
        say(f'/accel?id={id}&ctrl=w')
        clock.now += 1000
        assert sea_time(say) == 1000
        x, y, _ = place(say, id)                         # it came to rest after a minute
        say(f'/accel?id={id}&ctrl=w')
        killed = as_killed(say, tmp_path / 'killed')
    calendar.now += 86_400
    for folder in (say.folder, killed):
        clock.now = 77.0                                 # another computer: its clock counts from anywhere
        with woken(folder, clock=clock, calendar=calendar) as say:
            assert sea_time(say) == 1000
            assert place(say, id) == [x, y, '0']         # a day has not passed under sail
            clock.now += 3
            assert sea_time(say) == 1003
            assert place(say, id) != [x, y, '0']


def test_a_kill_while_people_only_look_costs_ten_seconds_of_sea_time_at_most(by_clock, tmp_path):
    say = by_clock
    for _ in range(100):
        say.clock.now += 1
        assert say('/who').status == 200
        mocean.tend(say.sea)
    assert len((say.folder / 'mocean.journal').read_bytes().splitlines()) < 10
    with woken(as_killed(say, tmp_path / 'killed'), clock=Clock()) as again:
        assert 0 <= sea_time(say) - sea_time(again) <= mocean.TIME_S


def test_a_calendar_a_day_ahead_and_then_right_moves_nothing_backward(by_clock, tmp_path, capsys):
    say, sea = by_clock, by_clock.sea
    sea.calendar = calendar = Clock(1_700_000_000.0)
    sea.offset = 0.0
    id, told = join(say), []
    for jump, words in ((0, ''), (86_400, 'was put +86400 s'), (-86_400, 'was put -86400 s')):
        calendar.now += jump + 3
        say.clock.now += 3
        capsys.readouterr()
        mocean.tend(sea)
        assert words in capsys.readouterr().err
        assert say(f'/move?id={id}&heading=n').status == 200
        assert say(f'/sendchat?id={id}&name=all&message=ahoy').status == 200
        told.append(sea_time(say))
        assert say(f'/chart?since={calendar.now + 1000}').status == 200
        join(say, f'bob{len(told)}')
        assert say('/news').lines[-1].split(',')[1] == mocean.tell_time(calendar.now)
    assert told == [3, 6, 9]
    with woken(as_killed(say, tmp_path / 'killed'), clock=Clock(), calendar=calendar) as again:
        assert again('/health').startswith('ok,0,4,')
        join(again, 'eve')
        assert again('/news').lines[-1].split(',')[1] == mocean.tell_time(calendar.now)


def test_the_clock_of_the_game_goes_on_from_where_it_was():
    ticks = Clock(500.0)
    clock = mocean.Clock(ticks)
    clock.set(1000)
    assert clock() == 1000
    ticks.now += 2.5
    assert clock() == 1002.5


def test_where_no_state_can_be_read_a_new_game_begins_and_the_old_files_are_kept(lived):
    folder, id, _ = lived
    for name in ('mocean.json', 'mocean.last.json'):
        (folder / name).write_bytes(b'\0' * 64)
    with woken(folder) as say:
        assert say('/health').startswith('ok,')
        assert join(say, 'eve')
    assert len(list(folder.glob('mocean*json-2*'))) == 2


def test_a_state_file_whose_keys_an_editor_has_sorted_is_the_same_game(tmp_path):
    with woken(tmp_path / 'live') as say:
        id = join(say)
        for number in range(12):
            join(say, f'bob{number}')
            assert say(f'/sendchat?id={say("/join?name=eve" + str(number)).split(",")[0]}&name=all&message=m{number}')
        before = say('/news')
    state = say.folder / 'mocean.json'
    state.write_text(json.dumps(json.loads(state.read_bytes()), sort_keys=True, indent=4), encoding='utf-8')
    with woken(say.folder) as say:
        assert say('/news') == before
        assert [say(f'/popchat?id={id}').split(',')[1] for _ in range(12)] == [f'm{number}' for number in range(12)]
        join(say, 'zoe')
        assert say('/news').lines[-1].startswith('26,') and len(say('/news').lines) == 26


# --- a folder of the version before, which had no sea time ----------------------------------------------------------

LANDED = {'ada': 'fjduej4e', 'Bob': 'y2ma6jjr', 'Eve': 'szqgjx3d'}


@pytest.fixture
def landed(tmp_path):
    """A club's folder as a kill left it under commit 6ce6673, where all times were seconds since 1970."""
    shutil.copytree(ROOT / 'tests' / 'landed', tmp_path / 'landed')
    clock = Clock()
    with woken(tmp_path / 'landed', clock=clock) as say:
        say.clock = clock
        say('/health')
        yield say


def test_of_a_folder_of_the_version_before_all_is_there(landed, capsys):
    assert landed('/who').lines == ['Bob,47', 'ada,29', 'Eve,7']
    assert place(landed, LANDED['ada']) == ['90', '298', '0']
    assert landed(f'/inventory?id={LANDED["ada"]}') == 'treasure,crash alert'
    assert landed('/news').lines[-1] == ('11,2026-11-18T11:08:22Z,ada earned the badge Patient: '
                                         'fifty calls in a row, none too early')
    assert [thing for thing in landed(f'/look?id={LANDED["ada"]}').lines if 'treasure' in thing] == \
        ['treasure,crash alert,86,298,5.6,4']
    assert 'mocean.' not in capsys.readouterr().err          # nothing was left out


def test_its_letters_wait_in_their_order_and_new_ones_behind_them(landed):
    landed(f'/sendchat?id={LANDED["Eve"]}&name=ada&message=new')
    for name, letters in {'ada': ['Bob,ahoy', 'Eve,one', 'Eve,two', 'Eve,new', ''], 'Bob': ['Eve,three', ''],
                          'Eve': ['Bob,ahoy', '']}.items():
        assert [landed(f'/popchat?id={LANDED[name]}') for _ in letters] == letters


def test_its_boats_sail_on_from_where_they_were(landed):
    for name, way in (('Bob', (2 * 2**1.5, -2 * 2**1.5)), ('Eve', (0, 8))):
        x, y, _ = map(float, place(landed, LANDED[name]))
        landed.clock.now += 2
        there = [float(text) for text in place(landed, LANDED[name])]
        assert there[0] == pytest.approx((x + way[0]) % 600, abs=0.02)
        assert there[1] == pytest.approx((y + way[1]) % 400, abs=0.02)


def test_its_badges_are_quests_that_count_when_their_turn_comes(landed):
    id = LANDED['ada']
    assert landed(f'/quest?id={id}').startswith('1,First stroke,')
    landed.clock.now += 2
    assert landed(f'/move?id={id}&heading=north&steps=3&n=9').status == 200     # a name from before is free again
    assert landed(f'/look?id={id}').status == 200
    assert landed(f'/quest?id={id}').startswith('5,Over the seam,')             # Looper and Phoenix are there already
    assert landed('/news').lines[-1].endswith('ada met quest 4: Phoenix')


def test_its_whales_swim_on_and_its_bloom_withers_in_time(landed):
    ocean, before = landed.app.sea.ocean, {}
    now = landed.app.sea.clock()
    for name, whale in ocean.whales.items():
        before[name] = mocean.whale_place(ocean, whale, now)
        assert before[name] == mocean.whale_place(ocean, whale.but(rider=''), now)
    assert len(before) == 17
    landed.clock.now += 1
    for name, spot in before.items():
        assert mocean.distance(*spot, *mocean.whale_place(ocean, ocean.whales[name], now + 1)) < 0.51
    bloom, = ocean.blooms.values()
    assert 0 < bloom.until - now < mocean.BLOOM_S


def test_and_so_it_is_after_the_next_start(landed, tmp_path):
    landed(f'/move?id={LANDED["ada"]}&heading=north')
    before = [landed(path) for path in ('/who', '/news', f'/inventory?id={LANDED["ada"]}')]
    with woken(as_killed(landed, tmp_path / 'killed'), clock=Clock()) as say:
        assert [say(path) for path in ('/who', '/news', f'/inventory?id={LANDED["ada"]}')] == before
        assert say(f'/popchat?id={LANDED["ada"]}') == 'Bob,ahoy'


# --- what waits ----------------------------------------------------------------------------------------------------

WHALE_SONG = '🐳' * mocean.LETTER_LENGTH


def test_a_message_to_a_crowd_is_one_short_line_and_letters_stay_within_memory(tmp_path):
    """2,000 boats whose letter boxes are full of the longest letters, and messages to all."""
    clock = Clock()
    with woken(tmp_path / 'live', clock=clock) as say:
        id, sea = join(say), say.app.sea
        full = mocean.Mail(((0.0, 'ada', WHALE_SONG),) * mocean.LETTERS_KEPT)
        boats = {f'bob{number}': sea.ocean.boats['ada'].but(name=f'bob{number}', id=f'{number:08}')
                 for number in range(2000)}
        with sea.lock:
            mocean.merge(sea.ocean, {'boats': boats, 'mail': dict.fromkeys(boats, full)})
        mocean.save(sea)
        before = (say.folder / 'mocean.journal').stat().st_size
        for _ in range(20):
            clock.now += 6
            assert say(f'/sendchat?id={id}&name=all&message={WHALE_SONG}') == 'sent to 2000 players'
        assert (say.folder / 'mocean.journal').stat().st_size - before < 20 * 2500     # for all, and for the captain
        killed = as_killed(say, tmp_path / 'killed')
    program = ('import re, sys, mocean; sea = mocean.Sea(sys.argv[1]); sea.open(); sea.close(); '
               'peak = re.search(r"VmHWM:\\s*([0-9]+)", open("/proc/self/status").read())[1]; '
               'print(len(sea.ocean.mail), len(sea.ocean.board), peak)')
    told = subprocess.run([sys.executable, '-c', program, killed], cwd=ROOT, capture_output=True, text=True, check=True)
    letters, board, peak_kb = map(int, told.stdout.split())
    assert (letters, board) == (2000, 20)
    assert peak_kb < 512 * 1024 / 2               # half of the unit's MemoryMax


def test_soundings_wait_in_the_files_until_the_data_service_has_them(by_clock, tmp_path):
    """Killed at once, saved, started without a data service that works: they are there, each of them once."""
    say, sea = by_clock, by_clock.sea
    sea.riders.clear()                            # data.py cannot be loaded
    sea.collects = True
    id = join(say)
    depths = []
    for number in range(4):
        say.clock.now += 1
        depths.append(float(say(f'/ping?id={id}')))
        if number == 1:
            mocean.save(sea)
        killed = mocean.Journal(as_killed(say, tmp_path / f'{number}'))
        ocean = killed.load()
        killed.close()
        assert [row[-1] for row in ocean.soundings] == depths
        assert [row[1] for row in ocean.soundings] == ['ada'] * len(depths)
    tracks, soundings, number = mocean.measured(sea)
    assert ([row[-1] for row in soundings], number) == (depths, sea.ocean.number)
    say.clock.now += 1
    say(f'/ping?id={id}')
    mocean.handed_over(sea, number)
    assert len(sea.ocean.soundings) == 1          # the one that came meanwhile


def test_where_data_py_has_a_mistake_soundings_wait_for_it(tmp_path, capsys):
    for name in ('mocean.py', 'data.py'):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / 'data.py').write_text('def (', encoding='utf-8')
    program = ('import mocean; sea = mocean.app.sea; sea.open(); '
               'facts = mocean.play(sea, mocean.read_call(mocean.BY_NAME["join"], [("name", "ada")], "text")); '
               'mocean.play(sea, mocean.read_call(mocean.BY_NAME["ping"], [("id", facts["id"])], "text")); '
               'mocean.os._exit(0)')
    for number in (1, 2):
        told = subprocess.run([sys.executable, '-c', program.replace('ada', f'ada{number}')], cwd=tmp_path,
                              env={**os.environ, 'STATE_DIRECTORY': str(tmp_path)}, capture_output=True, text=True)
        assert 'data.py cannot ride along' in told.stderr and not told.returncode, told.stderr
    journal = mocean.Journal(tmp_path)
    assert [row[1] for row in journal.load().soundings] == ['ada1', 'ada2']
    journal.close()


def test_a_rider_that_cannot_end_keeps_no_other_from_ending(tmp_path, capsys):
    ended = []
    with woken(tmp_path) as say:
        say.app.sea.open()
        say.app.sea.riders[:] = [mocean.Rider(end=lambda: 1 / 0), mocean.Rider(end=sys.exit),
                                 mocean.Rider(end=lambda: ended.append('the last'))]
    said = capsys.readouterr().err
    assert ended == ['the last'] and 'ZeroDivisionError' in said and 'SystemExit' in said


# --- a full disk ---------------------------------------------------------------------------------------------------

SENTENCE = 'the disk of the server is full or broken'


@contextlib.contextmanager
def largest_file(pid, size):
    """While this lasts, the kernel lets the process write no file beyond so many bytes."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def survives(say, id, full, folder):
    """With a full disk nothing changes and reading goes on; with space, the game does."""
    poll(lambda: say(f'/ping?id={id}').status == 200)
    poll(lambda: say(f'/move?id={id}&heading=s').status == 200)
    here = place(say, id)
    with full():
        for _ in range(3):
            reply = say(f'/move?id={id}&heading=n')
            assert reply.status == 503 and reply.lines[0].startswith(SENTENCE), reply
            assert say('/join?name=eve').status == 503
            assert say(f'/move?id={id}&heading=n&format=json').json()['status'] == 503
        assert place(say, id) == here
        assert say('/who').lines == ['ada,1'] or say('/who').startswith('ada,')
        assert say(f'/look?id={id}').status == 200
        size = (folder / 'mocean.journal').stat().st_size
    moved = row(say, id, 'n', 1)
    assert moved.status == 200 and moved.split(',') != here
    lines = (folder / 'mocean.journal').read_bytes()[size:].splitlines()
    assert [json.loads(line)['boats'].keys() for line in lines if b'boats' in line] == [{'ada'}]
    return moved


def test_what_the_disk_refuses_does_not_happen(server):
    """The kernel refuses the worker's writes; no privilege is needed for that."""
    id = join(server)
    worker = server.children()[0]
    journal = server.folder / 'mocean.journal'
    moved = survives(server, id, lambda: largest_file(worker, journal.stat().st_size + 50), server.folder)
    server.kill()
    server.start()
    assert place(server, id) == moved.split(',')


def test_a_state_file_that_cannot_be_written_again_and_again_loses_nothing(tmp_path):
    """The journal must not turn a second page before the first one is in a state file."""
    with woken(tmp_path / 'live') as say:
        sea = say.app.sea
        say('/health')
        mocean.save(sea)
        (say.folder / 'mocean.json.new').mkdir()         # in the way, for root too
        for name in ('ada', 'bob', 'eve'):
            assert join(say, name)
            with pytest.raises(OSError, match='directory'):
                mocean.save(sea)
            with woken(as_killed(say, tmp_path / name)) as again:
                assert again('/who') == say('/who')
        (say.folder / 'mocean.json.new').rmdir()
        mocean.save(sea)
        assert json.loads((say.folder / 'mocean.json').read_bytes())['number'] == sea.ocean.number


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 512 kB."""
    with mounted(tmp_path / 'disk', '512k') as folder:
        yield folder


def fill(disk):
    """Ballast, until no page of the disk is left."""
    with open(disk / 'ballast', 'ab', buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(b'x' * 4096):
            pass


def fill_to_the_byte(disk, sea):
    """Not even the shortest line fits into the last page of the journal; every line of the game is longer than that."""
    for _ in range(2):
        fill(disk)
        mocean.tend(sea)                     # the data service closes what it cannot write: that may give pages back
    for length in (400, 20, 0):
        with pytest.raises(mocean.Refusal, match=SENTENCE), sea.lock:
            for _ in range(1000):
                sea.journal.write(sea.ocean, {}, 'x' * length, sea.clock())


def test_a_full_disk_refuses_actions_and_nothing_else(small_disk, monkeypatch):
    monkeypatch.setattr(mocean, 'SYNC_S', 1e6)       # nobody tends the sea but the test
    with woken(small_disk) as say:
        id = join(say)

        @contextlib.contextmanager
        def full():
            fill_to_the_byte(small_disk, say.app.sea)
            with pytest.raises(OSError):
                mocean.save(say.app.sea)
            assert not (small_disk / 'mocean.json.new').exists()
            yield
            (small_disk / 'ballast').unlink()
        moved = survives(say, id, full, small_disk)
        killed = as_killed(say, small_disk / 'killed')
    with woken(killed) as say:
        assert place(say, id) == moved.split(',')


def test_a_full_disk_lets_one_look_round_under_sail_too(small_disk, monkeypatch):
    """The way made waits for the next call that can be written down."""
    monkeypatch.setattr(mocean, 'SYNC_S', 1e6)
    clock = Clock()
    with woken(small_disk, clock=clock) as say:
        id, sea = join(say), say.app.sea
        assert say(f'/accel?id={id}&ctrl=w').status == 200
        fill_to_the_byte(small_disk, sea)
        before = document(sea.ocean)
        clock.now += 3
        statuses = [say(f'/{call}?id={id}').status for call in ('look', 'location', 'inventory', 'stop')]
        assert statuses == [200, 200, 200, 503]
        assert document(sea.ocean) == before
        (small_disk / 'ballast').unlink()
        clock.now += 2
        assert say(f'/stop?id={id}').status == 200
        boat = before['boats']['ada']
        assert place(say, id) == [str(boat['x']), f'{(boat["y"] + 10) % 400:g}', '0']


def test_the_very_first_start_needs_a_disk_that_can_be_written(small_disk):
    """A planet that nobody wrote down would be another planet after the next start."""
    fill(small_disk)
    with pytest.raises(OSError, match='No space left'):
        mocean.Sea(small_disk).open()
    (small_disk / 'ballast').unlink()
    with woken(small_disk) as say:
        assert join(say)


def test_a_start_on_a_full_disk_reads_and_waits_for_space(small_disk):
    with woken(small_disk) as say:
        id = join(say)
        here = place(say, id)
    fill(small_disk)
    with woken(small_disk) as say:
        assert place(say, id) == here
        (small_disk / 'ballast').unlink()
        moved = say(f'/move?id={id}&heading=n')
        assert moved.status == 200
        killed = as_killed(say, small_disk / 'killed')
    for folder in (small_disk, killed):
        with woken(folder) as say:
            assert place(say, id) == moved.split(',')


def test_no_file_left_to_open_is_no_harm_either(tmp_path):
    """The journal turns its page, and the process may open no new file."""
    with woken(tmp_path) as say:
        id = join(say)
        sea, soft_hard = say.app.sea, resource.getrlimit(resource.RLIMIT_NOFILE)
        mocean.save(sea)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, soft_hard[1]))
        try:
            with sea.lock:
                os.close(sea.journal.turn_page())
            assert say(f'/move?id={id}&heading=n').lines[0].startswith(f'{SENTENCE} (Too many open files)')
            assert say(f'/look?id={id}').status == 200
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, soft_hard)
        moved = row(say, id, 'n', 1)
        assert moved.status == 200
        killed = as_killed(say, tmp_path / 'killed')
    with woken(killed) as say:
        assert place(say, id) == moved.split(',')


@pytest.fixture
def stubborn(by_clock, monkeypatch):
    """A disk that takes no sync as long as .ill is true."""
    def datasync(file):
        if by_clock.ill:
            raise OSError(5, 'Input/output error')
        os.fdatasync(file)
    by_clock.ill = True
    monkeypatch.setattr(mocean, 'datasync', datasync)
    return by_clock


def test_a_sync_that_failed_is_tried_again_and_a_fresh_state_file_is_written(stubborn, capsys):
    """What a disk has refused once it may never write; only a fresh file is sure."""
    join(stubborn)
    state = stubborn.folder / 'mocean.json'
    assert b'"ada"' not in state.read_bytes()
    mocean.tend(stubborn.sea)
    assert 'the disk refuses: [Errno 5] Input/output error; the game goes on, and this is tried again' in \
        capsys.readouterr().err
    assert b'"ada"' in state.read_bytes()
    join(stubborn, 'bob')
    stubborn.ill = False
    assert 'fdatasync' in calls_of(lambda: mocean.tend(stubborn.sea))
    assert stubborn.sea.journal.synced and not stubborn.sea.journal.doubtful


@pytest.mark.parametrize('kind', [ValueError, SystemExit])
def test_a_rider_that_raises_keeps_nothing_from_being_written(by_clock, capsys, kind):
    tended = []

    def fails():
        raise kind('a bug of mine')
    by_clock.sea.riders[:0] = [mocean.Rider(tend=fails), mocean.Rider(tend=lambda: tended.append(1))]
    join(by_clock)
    by_clock.clock.now += 60
    assert written(by_clock) and tended == [1]
    assert f'{kind.__name__}: a bug of mine' in capsys.readouterr().err


def test_a_riders_route_that_changes_something_is_refused_by_a_full_disk(by_clock):
    """It takes n= and costs time, too, for nothing else than `changes=True` says so."""
    say = by_clock

    def rule_paint(turn):
        turn.steer(charted=turn.boat.charted + 1)
        return {'painted': turn.boat.charted}
    paint = mocean.Route('paint', rule_paint, 'paint the boat', 'painted', (mocean.ID,), changes=True)
    mocean.add_route(say.app, paint)
    id = join(say)
    assert [say(f'/paint?id={id}&n=1') for _ in range(2)] == ['2', '2']
    with largest_file(os.getpid(), (say.folder / 'mocean.journal').stat().st_size + 50):
        before = document(say.sea.ocean)
        reply = say(f'/paint?id={id}')
        assert (reply.status, reply.startswith(SENTENCE)) == (503, True)
        assert document(say.sea.ocean) == before
    say.clock.now += 1
    assert say(f'/paint?id={id}') == '3'


def test_the_end_of_a_run_waits_for_the_files_without_holding_the_game(tmp_path):
    """Tending takes its lock first and then the game's; ending in the other order could wait for ever."""
    with woken(tmp_path) as say:
        join(say)
        sea = say.app.sea
        sea.tending.acquire()                # as if the state file were just being written
        ending = threading.Thread(target=sea.close, daemon=True)
        ending.start()
        got = sea.lock.acquire(timeout=5)
        if got:
            sea.lock.release()
        sea.tending.release()
        ending.join(5)
        assert got and not ending.is_alive()


# --- processes -----------------------------------------------------------------------------------------------------

def refused(server):
    """What a server that does not start says."""
    server.start(wait=False)
    try:
        poll(lambda: server.process.poll() is not None, 15)
    finally:
        server.kill()
    assert server.process.returncode == (1 if 'Port' in server.log() else 22)     # uWSGI's word for: cannot be loaded
    return server.log()


def test_a_second_process_on_the_same_ocean_is_refused(server, tmp_path):
    id = join(server)
    second = Server('mocean', tmp_path)
    second.log_file = tmp_path / 'second.log'
    assert 'Mocean cannot start: another process has this ocean open' in refused(second)
    assert server.say(f'/move?id={id}&heading=n').status == 200


@pytest.mark.parametrize('extra', [('--processes', '2'), ('--workers', '3'), ('--cheaper', '1', '--processes', '2')])
def test_more_than_one_uwsgi_process_is_refused(tmp_path, extra):
    assert 'processes, and one ocean lives in one: --processes 1' in refused(Server('mocean', tmp_path, extra=extra))


def test_a_worker_that_is_killed_comes_back_with_the_ocean_as_answered(server):
    comes_back(server)


def test_so_it_does_without_lazy_apps(tmp_path):
    """There the master imports the file once, for all the workers that are ever born."""
    server = Server('mocean', tmp_path, [word for word in UWSGI_OPTIONS if word != '--lazy-apps'])
    try:
        comes_back(server.start())
    finally:
        server.kill()


def comes_back(server):
    ids = {}
    for number in range(4):
        ids |= {f'{name}{number}': join(server, f'{name}{number}') for name in ('ada', 'bob')}
        moved = {name: row(server, id) for name, id in ids.items()}
        worker = next(pid for pid in server.children() if holds(pid, server.folder / 'mocean.journal'))
        os.kill(worker, signal.SIGKILL)
        poll(lambda worker=worker: worker not in server.children())
        poll(server.up)
        assert {name: ','.join(place(server, id)) for name, id in ids.items()} == moved


def holds(pid, file):
    """Does the process have this file open?"""
    with contextlib.suppress(OSError):
        return any(os.path.samefile(f'/proc/{pid}/fd/{fd}', file) for fd in os.listdir(f'/proc/{pid}/fd')
                   if os.path.exists(f'/proc/{pid}/fd/{fd}'))
    return False


# --- python mocean.py ----------------------------------------------------------------------------------------------

class ByHand(Server):
    """`python mocean.py`: Bottle's own server under its reloader, a parent and a child."""
    file = ROOT / 'mocean.py'

    def start(self, wait=True):
        with open(self.log_file, 'ab') as log:
            self.process = subprocess.Popen([sys.executable, str(self.file)], stdout=log, stderr=log, cwd=self.folder,
                                            env={**self.env, 'PORT': str(self.port)}, start_new_session=True)
        if wait:
            poll(lambda: self.process.poll() is not None or self.up(), 15)
            assert self.process.poll() is None, self.log()
        return self


@pytest.fixture
def by_hand(tmp_path):
    server = ByHand('mocean', tmp_path)
    yield server
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()


def test_by_hand_it_plays_too_and_kill_9_loses_nothing(by_hand):
    by_hand.start()
    id = join(by_hand)
    for _ in range(3):
        moved = row(by_hand, id)
        child, = by_hand.children()
        by_hand.kill()
        poll(lambda child=child: not os.path.exists(f'/proc/{child}'))
        by_hand.start()
        assert place(by_hand, id) == moved.split(',')


def test_when_the_parent_alone_is_killed_the_child_lets_go(by_hand):
    by_hand.start()
    id = join(by_hand)
    moved = by_hand.say(f'/move?id={id}&heading=ne&steps=5')
    child, = by_hand.children()
    os.kill(by_hand.process.pid, signal.SIGKILL)
    by_hand.process.wait()
    poll(lambda: not os.path.exists(f'/proc/{child}'))
    assert 'run 1 ends in good order' in by_hand.log()
    by_hand.start()
    assert place(by_hand, id) == moved.split(',')


@pytest.mark.parametrize('end', [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_without_a_traceback(by_hand, end):
    by_hand.start()
    child, = by_hand.children()
    if end == signal.SIGINT:
        os.killpg(by_hand.process.pid, end)      # the terminal sends it to both
    else:
        by_hand.process.send_signal(end)
    by_hand.process.wait(10)
    poll(lambda: not os.path.exists(f'/proc/{child}'))
    assert 'run 1 ends in good order' in by_hand.log()
    assert 'Traceback' not in by_hand.log()


def test_a_port_that_is_taken_gets_one_sentence(by_hand):
    by_hand.start()
    second = ByHand('mocean', by_hand.folder, port=by_hand.port)
    second.log_file = by_hand.folder / 'second.log'
    assert refused(second) == (f'Port {by_hand.port} is taken: is Mocean running already? '
                               'Stop it, or choose another: PORT=8081\n')


def test_the_first_line_says_where_the_game_is_for_this_computer_and_for_others(by_hand):
    by_hand.start()
    here, others = re.findall(r'http://[^ /]+/', by_hand.log().split('\n')[0])
    assert here == f'http://localhost:{by_hand.port}/'
    for address in (here, others):
        with urllib.request.urlopen(address + 'health', timeout=5) as reply:
            assert reply.status == 200


def test_localhost_is_served_whether_it_means_ipv4_or_ipv6(by_hand):
    """Windows tries IPv6 first, and waits a second or two, at each call, where nobody answers."""
    by_hand.start()
    for address in ('127.0.0.1', '::1'):
        with contextlib.closing(http.client.HTTPConnection(address, by_hand.port, timeout=5)) as line:
            line.request('GET', '/health')
            assert line.getresponse().status == 200


def test_a_second_one_in_the_same_folder_gets_one_sentence_too(by_hand):
    by_hand.start()
    second = ByHand('mocean', by_hand.folder)
    second.log_file = by_hand.folder / 'second.log'
    assert 'Mocean cannot start: another process has this ocean open' in refused(second)
    assert 'Traceback' not in second.log()


def test_an_edited_file_is_loaded_again_and_the_game_goes_on(by_hand):
    by_hand.file = by_hand.folder / 'mocean.py'
    shutil.copy(ROOT / 'mocean.py', by_hand.file)
    by_hand.start()
    id = join(by_hand)
    moved = by_hand.say(f'/move?id={id}&heading=ne&steps=5')
    program = by_hand.file.read_text(encoding='utf-8')
    by_hand.file.write_text(program.replace("VERSION = '", "VERSION = 'edited "), encoding='utf-8')
    stamp = time.time() + 2
    os.utime(by_hand.file, (stamp, stamp))
    poll(lambda: 'run 2 begins' in by_hand.log(), 20)
    poll(by_hand.up)
    assert place(by_hand, id) == moved.split(',')
    assert by_hand.say('/openapi.json').json()['info']['version'].startswith('edited ')


def test_a_missing_state_folder_is_made(tmp_path):
    with contextlib.closing(Inside('mocean', tmp_path / 'new' / 'folder')) as say:
        assert join(say)
