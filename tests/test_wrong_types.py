"""An editor, or a student's rule, puts a wrong value into a field: one sentence in the log, nothing else is harmed."""
import copy
import json
import os

import pytest
from blows import Disk, Script, document, in_place

import mocean

WRONG = ['x', -1, 1e300, None, [[1]], {'x': 7}, '\ud800', 0, [99]]
STEP = int(os.environ.get('MOCEAN_CASES', '4'))      # 1: all of them, by hand; there are nine of a field


@pytest.fixture(scope='module')
def club(tmp_path_factory):
    """A folder in which each table has rows, and the ocean that it holds."""
    script = Script(Disk(tmp_path_factory.mktemp('club')))
    with in_place(script.disk):
        script.start()
        for name in ('ada', 'bob', 'eve'):
            script.join(name)
        script.call('sendchat', id='ada', name='bob', message='ahoy')
        script.call('sendchat', id='ada', name='all', message='all hands')
        script.call('accel', id='bob', ctrl='w')
        script.call('ping', id='ada', n='1')
        fill_the_other_tables(script.sea)
        mocean.save(script.sea)
        script.call('move', id='ada', heading='north', n='2')
        script.call('quit', id='eve', sure='yes')
        mocean.save(script.sea)
        script.call('ping', id='ada')
        script.kill()
    ocean = script.sea.ocean
    assert all(getattr(ocean, table) for table in mocean.TABLES)
    return script.disk.folder, document(ocean)


def fill_the_other_tables(sea):
    """What would take the test too long to earn."""
    ocean = sea.ocean
    lying, whale = ocean.floor.treasures[0], next(iter(ocean.whales))
    change = {
        'boats': {'ada': ocean.boats['ada'].but(items=(lying.name,), finds=(lying.name,), laurels=((3, 40),),
                                                riding=whale, ride_until=9000.0)},
        'whales': {whale: ocean.whales[whale].but(rider='ada', seen='ada')},
        'finds': {lying.name: mocean.Find('ada', 1_700_000_001.0)},
        'blooms': {'1': mocean.Bloom(3, 4, 9000.0, 'ada')},
        'races': {'ada': mocean.Race(0, 1.0, (3, 4, 5))},
        'laps': {'0 ada': mocean.Lap('ada', 120.5, 40, 1_700_000_001.0)},
        'rounds': {'now': mocean.Round('tuesday', 1200, 'over', 1.0)}}
    with sea.lock:
        sea.journal.write(ocean, mocean.patch_of(ocean, change), 'a test', sea.clock())
        mocean.merge(ocean, change)


def cases(state):
    """(what is wrong, the state file with it) for each field of each table, and all that is above the fields."""
    def with_wrong(*path):
        for value in WRONG:
            wrong = copy.deepcopy(state)
            parent = wrong
            for step in path[:-1]:
                parent = parent[step]
            parent[path[-1]] = value
            yield f'{" ".join(path)} = {str(value)[:20]!r}', wrong
    for name in ('number', 'last', 'now', 'soundings'):
        yield from ((words, wrong) for words, wrong in with_wrong(name) if wrong[name] not in (-1, 0))
    for table, kinds in mocean.KINDS.items():
        key = next(iter(state[table]))
        yield from ((words, wrong) for words, wrong in with_wrong(table) if not isinstance(wrong[table], dict))
        yield from ((words, wrong) for words, wrong in with_wrong(table, key)           # null: it is gone
                    if wrong[table][key] is not None and not isinstance(wrong[table][key], dict))
        for field, fits in kinds.items():
            yield from ((words, wrong) for words, wrong in with_wrong(table, key, field)
                        if not fits(mocean.as_tuple(wrong[table][key][field])))
        wrong = copy.deepcopy(state)
        wrong[table]['a wrong key'] = wrong[table]['half a letter \ud800'] = wrong[table][key]
        yield f'{table} a wrong key', wrong


def woken(folder):
    """A started game, on a folder of files."""
    script = Script(Disk(folder))
    with in_place(script.disk):
        script.start()
    return script


def put(folder, club, state, spare=True):
    """The club's folder, with another state file."""
    folder.mkdir()
    for path in club.iterdir():
        if spare or path.name == 'mocean.journal':
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / 'mocean.json').write_text(json.dumps(state), encoding='utf-8')
    return folder


def test_with_the_last_good_copy_the_game_is_as_it_was(club, tmp_path, capsys):
    folder, right = club
    state, bad = json.loads((folder / 'mocean.json').read_bytes()), []
    all_cases = list(cases(state))
    assert len(all_cases) > 1400
    for number, (words, wrong) in enumerate(all_cases):
        capsys.readouterr()
        script = woken(put(tmp_path / f'{number}', folder, wrong))
        script.kill()
        said = capsys.readouterr().err
        there = document(script.sea.ocean)
        if there != right and not words.endswith('a wrong key'):
            bad.append(f'{words}: {[(table, there[table]) for table in right if there[table] != right[table]]}'[:600])
        if not 1 <= said.count('mocean.json') <= 4 and not words.startswith('last') and \
                not words.endswith('a wrong key'):
            bad.append(f'{words}: {said or "nothing is said"}')
    assert not bad, '\n'.join(bad)


READING = [route.name for route in mocean.ROUTES if route.rule and not route.changes]


def test_without_any_copy_the_rest_plays_on_for_everybody(club, tmp_path, capsys):
    folder, _ = club
    state, bad = json.loads((folder / 'mocean.json').read_bytes()), []
    for number, (words, wrong) in list(enumerate(cases(state)))[::STEP]:
        script = woken(put(tmp_path / f'{number}', folder, wrong, spare=False))
        try:
            bad += [f'{words}: {trouble}' for trouble in troubles(script)]
        finally:
            script.kill()
        script.sea.ocean = None
    assert not bad, '\n'.join(bad[:50])


def troubles(script):
    """All that goes wrong when everybody asks everything."""
    sea = script.sea
    with in_place(script.disk):
        for route in mocean.ROUTES:
            if not route.rule or route.once:
                continue
            for id in [boat.id for boat in sea.ocean.boats.values()] if route.mine else ['']:
                script.clock.now += 2
                pairs = [(parameter.name, parameter.example) for parameter in route.parameters if parameter.required]
                pairs = [('id', id), *pairs[1:]] if route.mine else pairs
                try:
                    facts = mocean.play(sea, mocean.read_call(route, pairs, 'json'))
                    json.dumps(facts, allow_nan=False), mocean.as_text(route, facts)
                except mocean.Refusal as refusal:
                    if route.name in READING or refusal.status == mocean.AWAY:
                        yield f'{route.name}: {refusal}'
                except Exception as error:
                    yield f'{route.name}: {error!r}'
        script.tend()
        script.tend(700)
