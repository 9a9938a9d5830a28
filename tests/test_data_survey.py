"""From the boat to the picture: bots survey through mocean.py, and the students' scripts draw what they measured.

MOCEAN_PICTURES=docs/img MOCEAN_SURVEY_S=560 pytest tests/test_data_survey.py    makes the pictures of docs/data.md.
With MOCEAN_R=1 besides, R draws one of them, too: it needs R and its package rerddap, which Debian does not have.
"""
import collections
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

import pandas
import pytest
import requests
from browser import chromium
from conftest import ROOT, Server, poll
from PIL import Image

import data
import mocean

BOTS = ['ada', 'bob', 'cleo', 'dua', 'emil', 'flora', 'gao', 'hedy', 'iris', 'jun']
SURVEY_S = float(os.environ.get('MOCEAN_SURVEY_S', 12))


def ask(server, route, **parameters):
    """As a student's program asks: too early means wait."""
    while True:
        reply = requests.get(f'{server.url}/{route}', params={**parameters, 'format': 'json'}, timeout=10)
        if reply.status_code != 429:
            assert reply.ok, reply.text
            return reply.json()
        time.sleep(reply.json()['wait_s'])


def row(server, boat, heading, cells):
    """A call takes a boat ten cells far, or seven to the north-east."""
    while cells:
        steps = min(cells, 5)
        boat.update(ask(server, 'move', id=boat['id'], heading=heading, steps=steps))
        cells -= steps


def survey(server, name, lane, until, soundings):
    """Row north-east for ever, with one sounding in each sector. After 1,200 km one is back: the next lane.

    In a short test there is no time for going to one's own lane first.
    """
    boat = ask(server, 'join', name=name)
    if SURVEY_S > 60:
        row(server, boat, 'north', (5 - boat['y']) % 10)        # to the middle of a sector
        row(server, boat, 'east', (10 * lane + boat['y'] - boat['x']) % 200)
    sectors = 0
    while time.monotonic() < until:
        depth = ask(server, 'ping', id=boat['id'])['depth']
        soundings.append((name, boat['x'], boat['y'], depth))
        sectors += 1
        row(server, boat, 'northeast' if sectors % 120 else 'east', 10)


@pytest.fixture(scope='module')
def surveyed(tmp_path_factory):
    """A real game in which ten bots have surveyed; the server, and what the bots were told."""
    server = Server('mocean', tmp_path_factory.mktemp('survey')).start()
    soundings = []
    until = time.monotonic() + SURVEY_S
    bots = [threading.Thread(target=survey, args=(server, name, 2 * number, until, soundings))
            for number, name in enumerate(BOTS)]
    for bot in bots:
        bot.start()
    for bot in bots:
        bot.join()
    poll(lambda: len(table(server, 'soundings')) == len(soundings))       # a second later all is on the disk
    yield server, soundings
    server.stop()


def table(server, dataset):
    try:
        return pandas.read_csv(f'{server.url}/erddap/tabledap/{dataset}.csvp')
    except OSError:                         # no rows yet
        return []


def test_every_sounding_is_served_as_it_was_told(surveyed):
    server, soundings = surveyed
    assert len(soundings) >= 2 * len(BOTS)
    rows = table(server, 'soundings')[['player', 'x (km)', 'y (km)', 'depth (m)']].itertuples(index=False, name=None)
    assert sorted(rows) == sorted(soundings)


def test_the_tracks_go_where_the_soundings_were(surveyed):
    server, soundings = surveyed
    tracks = table(server, 'tracks')
    assert set(tracks['player']) == set(BOTS)
    assert not tracks.duplicated(['player', 'time (UTC)']).any()
    last = tracks.groupby('player').last()
    for name in BOTS:
        x, y = [(x, y) for player, x, y, _ in soundings if player == name][-1]
        assert (last.loc[name, 'x (km)'] - x) % 600 <= 10
        assert (last.loc[name, 'y (km)'] - y) % 400 <= 10


def test_the_grid_is_the_mean_of_what_the_bots_were_told(surveyed):
    server, soundings = surveyed
    sectors = collections.defaultdict(list)
    for _, x, y, depth in soundings:
        sectors[y // 10 * 10 + 5.0, x // 10 * 10 + 5.0].append(depth)
    grid = pandas.read_csv(f'{server.url}/erddap/griddap/bathymetry.csvp').dropna()
    served = {(y, x): depth for y, x, depth in grid.itertuples(index=False, name=None)}
    assert served.keys() == sectors.keys()
    for place, depths in sectors.items():
        assert served[place] == pytest.approx(statistics.mean(depths), abs=0.001)


@pytest.mark.parametrize(('program', 'picture'), [
    ('data_1.py', None), ('data_2.py', 'tracks.png')])
def test_the_students_scripts_run_as_they_stand(surveyed, tmp_path, program, picture):
    server, _ = surveyed
    env = {**os.environ, 'MPLBACKEND': 'Agg', 'MPLCONFIGDIR': str(tmp_path)}
    done = subprocess.run([sys.executable, ROOT / 'clients' / program, server.url], cwd=tmp_path, env=env,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    if picture:
        with Image.open(tmp_path / picture) as image:
            assert image.width > 400
            assert len(image.convert('RGB').getcolors(1_000_000)) > 50          # more than an empty frame
        keep_picture(tmp_path / picture, f'data_{picture}')
    else:
        assert 'ada' in done.stdout


def test_the_means_of_an_afternoon_are_drawn(tmp_path):
    """Two hours of three boats, each with a way of its own over the game's own sea floor."""
    depth = mocean.Seafloor(7)
    begin = int(time.time()) // 600 * 600 - 7_200
    ways = {'ada': (100, 40, 3), 'bob': (300, 200, -2), 'cleo': (500, 390, 1)}
    soundings = [(name, begin + second, (x + second / 12) % 600, (y + way * second / 40) % 400,
                  depth((x + second / 12) % 600, (y + way * second / 40) % 400))
                 for name, (x, y, way) in ways.items() for second in range(0, 7_200, 5)]
    store = data.Store(tmp_path)
    store.keep([], soundings)
    store.close()
    server = Server('data', tmp_path).start()
    try:
        said = draw_by_program([sys.executable, ROOT / 'clients' / 'data_5.py'], server, tmp_path)
    finally:
        server.stop()
    first = statistics.mean(row[4] for row in soundings if row[0] == 'bob' and row[1] < begin + 600)
    assert re.search(rf'^\S+ \S+ +\S+ +{first:.1f} ', said, re.MULTILINE), said
    keep_picture(tmp_path / 'means.png', 'data_means.png')


def keep_picture(file, name):
    if os.environ.get('MOCEAN_PICTURES'):
        shutil.copy(file, os.path.join(os.environ['MOCEAN_PICTURES'], name))


def draw_by_program(command, server, folder):
    done = subprocess.run([*command, server.url], cwd=folder, capture_output=True, text=True, timeout=120,
                          env={**os.environ, 'MPLBACKEND': 'Agg', 'MPLCONFIGDIR': str(folder)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def draw_by_browser(server, folder):
    """The page as a file, as a student opens it; what it says, and its picture."""
    with chromium() as browser:
        page = browser.new_page(viewport={'width': 940, 'height': 860})
        page.goto(f'{(ROOT / "clients" / "data_4.html").as_uri()}?server={server.url}')
        page.wait_for_function("document.getElementById('words').textContent !== 'asking ...'")
        page.screenshot(path=folder / 'sea_floor_browser.png')
        return page.text_content('#words')


@pytest.mark.browser
def test_four_clients_draw_the_same_sea_floor(surveyed, tmp_path):
    """erddapy, xarray over DAP, a browser, and R where that was asked for: from one survey."""
    server, _ = surveyed
    python, clients = sys.executable, ROOT / 'clients'
    draw_by_program([python, clients / 'data_3.py'], server, tmp_path)
    grid = pandas.read_csv(f'{server.url}/erddap/griddap/bathymetry.csvp')['depth (m)']
    said = [f'{grid.count()} squares sounded, their mean depth is {grid.mean():.1f} m',
            draw_by_program([python, clients / 'data_4.py'], server, tmp_path).strip(),
            draw_by_browser(server, tmp_path)]
    pictures = ['sea_floor.png', 'sea_floor_xarray.png', 'sea_floor_browser.png']
    if os.environ.get('MOCEAN_R'):
        said.append(draw_by_program(['Rscript', clients / 'data_4.R'], server, tmp_path).strip())
        pictures.insert(2, 'sea_floor_r.png')
    assert len(set(said)) == 1, said
    keep_picture(tmp_path / 'sea_floor.png', 'data_sea_floor.png')
    keep_picture(side_by_side([tmp_path / each for each in pictures]), 'data_four_clients.png')


def side_by_side(files, width=800, height=560):
    """One picture of several, two in a row."""
    whole = Image.new('RGB', (2 * width, (len(files) + 1) // 2 * height), 'white')
    for i, file in enumerate(files):
        with Image.open(file) as image:
            assert len(image.convert('RGB').getcolors(1_000_000)) > 50          # more than an empty frame
            image.thumbnail((width, height))
            whole.paste(image, (i % 2 * width, i // 2 * height))
    whole.save(files[0].with_name('four.png'))
    return files[0].with_name('four.png')


def test_ten_lines_draw_the_sea_floor():
    code = (ROOT / 'clients' / 'data_3.py').read_text().split('"""')[2]
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith('SERVER')]) == 10


def test_no_id_and_no_treasure_is_in_the_data(surveyed):
    server, _ = surveyed
    for dataset in ('tracks', 'soundings'):
        assert list(table(server, dataset).columns)[:4] == ['player', 'time (UTC)', 'x (km)', 'y (km)']
    body = (server.folder / 'data.sqlite').read_bytes() + (server.folder / 'data.sqlite-wal').read_bytes()
    for name in BOTS:
        boat = ask(server, 'join', name='spy' + name)
        assert boat['id'].encode() not in body
    assert b'crystal' not in body


def test_riding_along_the_data_keeps_its_own_form_of_refusal(surveyed):
    server, _ = surveyed
    for path, status in (('/erddap/nowhere', 404), ('/erddap/tabledap/tracks.csv?zz', 400)):
        reply = server.say(path)
        assert reply.startswith(f'Error {{\n    code={status};')
        assert reply.status == status
    for path in '/erddap', '/erddap/tabledap/tracks.csv':
        assert server.say(path, method='POST').status == 405
    assert server.say('/erddap').headers['Cache-Control'] == 'no-store'
    assert server.say('/').status == server.say('/health').status == 200           # and the game keeps its own


def test_data_alone_reads_the_same_file_while_the_game_runs(surveyed):
    server, _ = surveyed
    alone = Server('data', server.folder).start()
    try:
        for path in '/erddap/tabledap/soundings.csv', '/erddap/griddap/bathymetry.nc':
            answers = [requests.get(each.url + path, timeout=10) for each in (server, alone)]
            assert answers[0].status_code == 200
            assert answers[0].content == answers[1].content
    finally:
        alone.stop()


def test_kill_9_in_the_middle_loses_no_sounding(tmp_path):
    """What was on the disk is there, and what was only answered comes out of the game's journal."""
    server = Server('mocean', tmp_path).start()
    boat, told = ask(server, 'join', name='ada'), []
    for _ in range(8):
        told.append((boat['x'], ask(server, 'ping', id=boat['id'])['depth']))
        row(server, boat, 'east', 1)
    server.kill()
    db = sqlite3.connect(tmp_path / 'data.sqlite')
    kept = db.execute('SELECT x, depth FROM soundings ORDER BY rowid').fetchall()
    assert db.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    db.close()
    assert kept == told[:len(kept)]
    server.start()
    poll(lambda: len(soundings_of(server)) >= len(told))
    assert soundings_of(server) == told                 # each once
    server.stop()


def soundings_of(server):
    """(x, depth) of each sounding, in the order in which they came."""
    return [(x, depth) for _, _, x, _, depth in table(server, 'soundings').itertuples(index=False, name=None)]


# ---- docs/data.md

DOCS = (ROOT / 'docs' / 'data.md').read_text(encoding='utf-8')


def test_the_programs_in_the_docs_run(surveyed, tmp_path):
    server, _ = surveyed
    programs = re.findall(r'```python\n(.*?)```', DOCS, re.DOTALL)
    assert len(programs) == 5
    for program in programs:
        program = program.replace('http://localhost:8080', server.url)
        done = subprocess.run([sys.executable, '-c', program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_the_addresses_in_the_docs_answer(surveyed):
    server, _ = surveyed
    addresses = re.findall(r'^http://localhost:8080(/.*)$', DOCS, re.MULTILINE)
    assert len(addresses) == 4
    pages = re.findall(r'`(/erddap/[^`]*)`', DOCS)
    assert len(pages) >= 3
    conditions = [text.replace('\\|', '|') for text in re.findall(r'^\| `(&[^`]*)` \|', DOCS, re.MULTILINE)]
    assert len(conditions) == 14
    asked = [f'/erddap/tabledap/soundings.csv?player,time,depth{text}' for text in conditions]
    for path in [*addresses, *pages, *asked]:
        reply = server.say(path)
        assert reply.status == 200 or 'nRows = 0' in reply, (path, reply)


def test_the_formats_in_the_docs_are_the_formats():
    assert {*re.findall(r'`\.(\w+)`', DOCS.split('| format |')[1].split('\n\n')[0]), 'htmlTable', 'ncml', 'ncCF'} == {
        *data.MEDIA_TYPES}


def test_the_track_map_draws_another_servers_tracks_when_its_capitals_are_changed(surveyed, tmp_path):
    """As docs/data.md shows for a real ERDDAP; here it is our other table."""
    server, _ = surveyed
    program = (ROOT / 'clients' / 'data_2.py').read_text(encoding='utf-8')
    block, = re.findall(r"```text\n(SERVER = 'https:.*?)```", DOCS, re.DOTALL)
    names = re.findall(r'^(\w+(?:, \w+)*) = ', block, re.MULTILINE)
    values = [repr(server.url), "'soundings'", "'player', 'y', 'x'", "'2022-12-07'"]
    assert names == ['SERVER', 'DATASET', 'WHO, EAST, NORTH', 'SINCE']
    for name, value in zip(names, values, strict=True):
        program, count = re.subn(rf'^{name} = .*$', f'{name} = {value}', program, count=1, flags=re.MULTILINE)
        assert count == 1, name
    done = subprocess.run([sys.executable, '-c', program], cwd=tmp_path, capture_output=True, text=True, timeout=120,
                          env={**os.environ, 'MPLBACKEND': 'Agg', 'MPLCONFIGDIR': str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'tracks.png').stat().st_size > 5_000
