"""Every blow to the disk, at every point of a game: nothing answered is lost, and nothing is half done."""
import contextlib
import json

import pytest
from blows import PARTS, Disk, Script, document, in_place, merged, started, zeroed

import mocean


@pytest.fixture(scope='module')
def game(tmp_path_factory):
    """A disk on which a game with saves and restarts has been played."""
    disk = Disk(tmp_path_factory.mktemp('game'))
    disk.moments = []
    script = Script(disk)
    with in_place(disk):
        script.play()
    assert not script.refused and len(disk.points) > 115
    return disk


@pytest.fixture(scope='module')
def moments(game):
    """A crash at each point of it: before, half-way and after."""
    return game.moments


def lost(moments, folder, **damage):
    """The moments after which the next start does not have all that was answered."""
    folder.mkdir(exist_ok=True)
    return [moment for number, moment in enumerate(moments)
            if document(started(moment.put(folder / f'{number}', **damage))) not in (moment.answered, moment.next)
            and moment.answered]


def test_a_crash_at_any_point_loses_nothing(moments, tmp_path):
    assert not lost(moments, tmp_path)


@pytest.mark.parametrize('damage', [zeroed, lambda content: content[:len(content) // 2], lambda content: b'',
                                    lambda content: None], ids=['zeroed', 'torn', 'empty', 'gone'])
def test_nor_does_one_after_which_the_state_file_is_damaged(moments, tmp_path, damage):
    assert not lost(moments, tmp_path, mocean_json=damage)


@pytest.mark.parametrize('file', ['mocean.last.json', 'mocean.last.journal', 'mocean.json.new'])
def test_nor_one_after_which_a_spare_file_is_damaged(moments, tmp_path, file):
    assert not lost([moment for moment in moments if 'mocean.json' in moment.files and file in moment.files],
                    tmp_path, **{file.replace('.', '_'): zeroed})


@pytest.mark.parametrize('file', ['mocean.journal', 'mocean.turned.journal'])
def test_after_a_crash_and_a_damaged_journal_all_the_rest_is_there_and_what_is_missing_is_said(
        moments, tmp_path, file, capsys):
    for number, moment in enumerate(moments):
        if not moment.files.get(file) or not moment.answered:
            continue
        folder = moment.put(tmp_path / f'{number}', **{file.replace('.', '_'): zeroed})
        right = rest_of(folder)
        capsys.readouterr()
        there = document(started(folder))
        assert there == right or there == moment.answered, moment
        said = capsys.readouterr().err
        assert there in (moment.answered, moment.next) or f'{file} has ' in said or ' are missing' in said or \
            f'{file} ended in half a line' in said, moment


def rest_of(folder):
    """The ocean as the files of a folder have it: the state and all lines that can be read, merged by RFC 7396."""
    state = folder / 'mocean.json'
    rest = json.loads((state if state.exists() else folder / 'mocean.last.json').read_bytes())
    since = rest['number']
    for name in ('mocean.last.journal', 'mocean.turned.journal', 'mocean.journal'):
        for line in (folder / name).read_bytes().splitlines() if (folder / name).exists() else ():
            try:
                line = json.loads(line)
            except ValueError:
                continue
            if line['number'] > since:
                soundings = [[line['number'], *row] for row in line.pop('soundings', ())]
                rest = merged(rest, line)
                rest['soundings'] += soundings
    for table, record in mocean.TABLES.items():
        needs = {field.name for field in mocean.fields(record) if field.default is mocean.MISSING}
        rest[table] = {key: row for key, row in rest[table].items() if needs <= row.keys()}
    return {name: rows for name, rows in rest.items() if name not in ('runs', 'now', 'last')}


def test_nor_does_a_crash_in_the_start_after_that_with_the_state_file_damaged_again(moments, tmp_path):
    last = max(moments, key=lambda moment: len(moment.files.get('mocean.last.journal', b'')))
    disk = Disk(last.put(tmp_path / 'damaged', mocean_json=zeroed))
    disk.moments, disk.answered = [], document(started(last.put(tmp_path / 'whole')))
    script = Script(disk)
    with in_place(disk):
        script.start()
        script.kill()
    for damage in (zeroed, lambda content: None):
        assert not lost(disk.moments, tmp_path / damage.__name__, mocean_json=damage)


@pytest.mark.parametrize('fault', ['EIO', 'ENOSPC', *PARTS])
def test_what_the_disk_refuses_at_any_point_is_said_and_the_game_goes_on(game, tmp_path, fault):
    """Nothing is half done: whoever got a 503 has changed nothing (see Script.call), and all the rest is there."""
    may_fail = 'write mocean.journal' if fault in PARTS else ('write', 'open') if fault == 'ENOSPC' else ''
    points = [at for at, point in enumerate(game.points) if point.startswith(may_fail)]
    for at in points[:-1]:
        disk = Disk(tmp_path / f'{at}', fault, at)
        disk.folder.mkdir()
        script = Script(disk)
        with in_place(disk):
            script.play()
        assert len(disk.points) > at and not script.sea.journal.doubtful, game.points[at]
        assert document(started(disk.folder)) == disk.answered, game.points[at]


@pytest.mark.parametrize('fault', ['EIO', 'ENOSPC'])
def test_a_refused_save_then_a_crash_and_then_a_damaged_state_file_lose_nothing(game, tmp_path, fault):
    """All three in one game: one thing that a save asks of the disk is refused, and the crash comes at any point after
    that, up to the next saves."""
    first = game.points.index('write mocean.journal')            # the very first start is another test's
    for at, point in enumerate(game.points):
        if at < first or point in ('write mocean.journal', 'fdatasync mocean.journal'):
            continue
        disk = Disk(tmp_path / f'{at}', fault, at)
        disk.folder.mkdir()
        disk.moments = []
        script = Script(disk)
        with in_place(disk):
            script.play()
        after = [moment for moment in disk.moments if int(moment.name.split()[1]) >= at][:40]
        assert len(disk.points) > at and after, point
        assert not lost(after, tmp_path / f'{at} crashed', mocean_json=zeroed), point


def test_a_new_ocean_takes_the_place_of_the_old_one_whole_or_not_at_all(tmp_path):
    for at in range(100):
        disk = Disk(tmp_path / f'{at}', 'EIO')
        disk.folder.mkdir()
        script = Script(disk)
        with in_place(disk):
            script.start()
            script.join('ada')
            began, fresh = len(disk.points), mocean.Ocean()
            mocean.merge(fresh, mocean.new_planet(5, script.calendar()))
            fresh.now, disk.at = 0.0, began + at
            with script.sea.tending, script.sea.lock, contextlib.suppress(OSError):
                mocean.renew(script.sea, fresh)
            ended = len(disk.points)
            script.settle()
            script.join('eve')
            script.tend()
            script.kill()
        assert document(started(disk.folder)) == disk.answered, disk.points[began + at:ended]
        if began + at >= ended:
            assert at > 10 and list(script.sea.ocean.boats) == ['eve']
            return
    raise AssertionError('it has no end')
