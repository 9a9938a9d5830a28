"""The programs that oceanographers use, unmodified, against a real server: erddapy, pandas, xarray, curl and others."""
import datetime
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.error

import erddapy
import netCDF4
import numpy
import pandas
import polars
import pydap.client
import pytest
import requests
import scipy.io
import xarray
from erddapy.multiple_server_search import search_servers

import data

NOON = 1767268800                   # 2026-01-01T12:00:00Z


@pytest.fixture
def program():
    return 'data'


@pytest.fixture
def sea(server, tmp_path):
    """A server with an hour of two boats, and soundings along a line; the address of its data."""
    store = data.Store(tmp_path, clock=lambda: NOON)
    tracks = [(player, NOON + second, float((second + at) % 600), float(at), 0.0)
              for player, at in (('ada', 100), ('Zoë', 7)) for second in range(0, 3600, 10)]
    store.keep(tracks, [('ada', NOON + i, i * 10 + 3.0, 5.0, 30 - i / 4) for i in range(60)])
    store.keep([('new', int(time.time()) - 60, 1.0, 1.0, 0.0)])
    store.close()
    return server.url + '/erddap'


def tabledap(sea, dataset, variables=None, constraints=None):
    e = erddapy.ERDDAP(server=sea, protocol='tabledap')
    e.dataset_id, e.variables, e.constraints = dataset, variables, constraints
    return e


# ---- tables

def test_erddapy_gives_pandas_the_whole_table(sea):
    table = tabledap(sea, 'tracks').to_pandas()
    assert list(table.columns) == ['player', 'time (UTC)', 'x (km)', 'y (km)', 'z (m)']
    assert len(table) == 721
    assert set(table['player']) == {'ada', 'Zoë', 'new'}
    assert table['x (km)'].dtype == float


def test_erddapy_gives_pandas_the_csv_with_two_lines_of_header(sea):
    table = tabledap(sea, 'soundings', ['time', 'depth']).to_pandas(response='csv', skiprows=[1], parse_dates=['time'])
    assert list(table.columns) == ['time', 'depth']
    assert table['depth'].tolist() == [30 - i / 4 for i in range(60)]
    assert table['time'].iloc[0] == pandas.Timestamp('2026-01-01T12:00:00Z')


CONSTRAINTS = [     # as erddapy takes them, and how many rows there are
    ({'player=': 'ada'}, 360),
    ({'player=': 'Zoë'}, 360),
    ({'player!=': 'ada'}, 361),
    ({'player=~': '(ada|Zoë)'}, 720),
    ({'player=': 'x"; DROP TABLE tracks; --'}, None),
    ({'x>=': 100, 'x<': 110, 'player=': 'ada'}, 6),
    ({'x=': 7.0}, 6),
    ({'y!=': 100}, 361),
    ({'x>': 599.5}, None),
    ({'time>=': '2026-01-01T12:30:00Z', 'time<': '2026-01-01T12:40:00Z'}, 120),
    ({'time>=': '2026-01-01T14:30:00+02:00', 'time<': datetime.datetime(2026, 1, 1, 12, 40)}, 120),
    ({'time<': datetime.datetime(2026, 1, 1, 12, 1, tzinfo=datetime.timezone.utc)}, 12),
    ({'time>': 'now-10minutes'}, 1),
    ({'time>': 'now-2hours', 'player=': 'ada'}, None),
    ({'time>=': 'max(time)-1second'}, 1),
    ({'time<=': 'min(time)+50seconds'}, 12),
]


@pytest.mark.parametrize(('constraints', 'rows'), CONSTRAINTS)
def test_erddapy_sends_constraints_of_every_kind(sea, constraints, rows):
    e = tabledap(sea, 'tracks', ['player', 'time', 'x'], constraints)
    if rows is None:
        with pytest.raises(requests.HTTPError):
            e.to_pandas()
    else:
        assert len(e.to_pandas()) == rows


def test_erddapy_asks_for_distinct_values(sea):
    assert tabledap(sea, 'tracks', ['player']).to_pandas(distinct=True)['player'].tolist() == ['Zoë', 'ada', 'new']


def test_a_refusal_reaches_whoever_uses_erddapy(sea):
    with pytest.raises(requests.HTTPError, match=r'nRows = 0'):
        tabledap(sea, 'tracks', ['x'], {'player=': 'nobody'}).to_pandas()
    with pytest.raises(requests.HTTPError, match='Unrecognized variable=\\\\"speed\\\\"'):
        tabledap(sea, 'tracks', ['speed']).to_pandas()
    with pytest.raises(requests.HTTPError, match='unknown datasetID=whales'):
        tabledap(sea, 'whales').to_pandas()


def test_erddapy_finds_variables_by_their_attributes(sea):
    e = erddapy.ERDDAP(server=sea, protocol='tabledap')
    assert e.get_var_by_attr('tracks', axis='T') == ['time']
    assert sorted(e.get_var_by_attr('tracks', axis=lambda axis: axis in ('X', 'Y', 'Z'))) == ['x', 'y', 'z']
    assert e.get_var_by_attr('soundings', standard_name='sea_floor_depth_below_sea_surface') == ['depth']


def test_erddapy_searches(sea):
    here = [sea + '/']
    assert search_servers('soundings', servers_list=here)['Dataset ID'].tolist() == ['soundings']
    assert search_servers('sounded', servers_list=here, protocol='griddap')['Dataset ID'].tolist() == ['bathymetry']
    e = erddapy.ERDDAP(server=sea)
    table = pandas.read_csv(e.get_search_url(search_for='sea floor', response='csv'))
    assert table['Dataset ID'].tolist() == ['soundings', 'bathymetry']
    url = e.get_search_url(search_for='boats', response='csv', protocol='tabledap', cdm_data_type='other',
                           institution='mocean_club', min_time='2025-12-31')
    assert pandas.read_csv(url)['Title'].tolist() == ['Tracks of the boats']
    for kind, value in (('min_lon', -10), ('min_time', '2100-01-01'), ('cdm_data_type', 'grid'),
                        ('standard_name', 'sea_ice')):
        with pytest.raises(urllib.error.HTTPError, match='404'):        # never ignored
            pandas.read_csv(e.get_search_url(search_for='boats', response='csv', **{kind: value}))
    assert 'Bathymetry' in requests.get(e.get_search_url(search_for='sounded'), timeout=10).text


def test_the_links_that_erddapy_makes_are_pages(sea):
    e = tabledap(sea, 'tracks', ['player', 'x'], {'x>': 100})
    for url in (e.get_download_url(), e.get_info_url(), e.get_search_url(search_for='boats')):
        reply = requests.get(url, timeout=10)
        assert (reply.status_code, reply.headers['Content-Type']) == (200, 'text/html;charset=UTF-8'), url


def test_erddapy_remembers_what_it_got(sea, tmp_path):
    """The trap that docs/data.md warns of, and the way round it that it shows."""
    e = tabledap(sea, 'tracks', ['x'], {'player=': 'ada'})
    assert len(e.to_pandas()) == 360
    store = data.Store(tmp_path, clock=lambda: NOON)
    store.keep([('ada', NOON + 5000, 1.0, 1.0, 0.0)])
    store.close()
    assert len(e.to_pandas()) == 360
    assert len(pandas.read_csv(e.get_download_url(response='csvp'))) == 361


def test_erddapy_downloads_a_file(sea, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(pandas.read_csv(tabledap(sea, 'soundings').download_file('csvp'))) == 60


# ---- the grid

@pytest.fixture
def bathymetry(sea):
    e = erddapy.ERDDAP(server=sea, protocol='griddap')
    e.dataset_id = 'bathymetry'
    return e


def test_erddapy_reads_the_grid_into_pandas(bathymetry):
    assert bathymetry.dim_names == ['y', 'x']
    table = bathymetry.to_pandas()
    assert list(table.columns) == ['y (km)', 'x (km)', 'depth (m)']
    assert len(table) == 40 * 60
    assert table['depth (m)'].count() == 60


def test_erddapy_reads_the_grid_into_xarray(bathymetry):
    grid = bathymetry.to_xarray()
    assert dict(grid.sizes) == {'y': 40, 'x': 60}
    assert grid['depth'].sel(y=5, x=105) == 27.5
    assert int(grid['depth'].notnull().sum()) == 60
    assert grid['depth'].attrs['units'] == 'm'
    assert grid['x'].attrs['axis'] == 'X'
    assert grid.attrs['title'] == data.BATHYMETRY.title


def test_erddapy_asks_for_a_part_of_the_grid(bathymetry):
    bathymetry.constraints.update({'y<=': 19, 'x>=': 100, 'x<=': 200, 'x_step': 2})
    grid = bathymetry.to_xarray()
    assert grid['y'].values.tolist() == [5, 15]
    assert grid['x'].values.tolist() == [105, 125, 145, 165, 185, 205]
    assert bathymetry.to_pandas().shape == (12, 3)


def open_netcdf4(file):
    with netCDF4.Dataset(file) as grid:
        grid.set_auto_mask(False)
        assert grid.data_model == 'NETCDF3_CLASSIC'
        return ({name: variable[:] for name, variable in grid.variables.items()},
                {name: variable.units for name, variable in grid.variables.items()}, grid.title)


def open_scipy(file):
    with scipy.io.netcdf_file(file, mmap=False) as grid:
        return ({name: variable[:].astype(float) for name, variable in grid.variables.items()},
                {name: variable.units.decode() for name, variable in grid.variables.items()}, grid.title.decode())


def open_xarray(file):
    with xarray.open_dataset(file, engine='scipy') as grid:
        return ({name: variable.values for name, variable in grid.variables.items()},
                {name: variable.attrs['units'] for name, variable in grid.variables.items()}, grid.attrs['title'])


@pytest.mark.parametrize('opened', [open_netcdf4, open_scipy, open_xarray])
def test_every_library_reads_the_netcdf_file(sea, tmp_path, opened):
    for query, y, x in (('', range(5, 400, 10), range(5, 600, 10)), ('?depth[(5):3:(45)][last]', [5, 35], [595]),
                        ('?depth%5B0%5D%5B0%3A2%5D', [5], [5, 15, 25])):
        file = tmp_path / 'grid.nc'
        reply = requests.get(f'{sea}/griddap/bathymetry.nc{query}', timeout=10)
        assert reply.headers['Content-Type'] == 'application/x-netcdf'
        file.write_bytes(reply.content)
        values, units, title = opened(file)
        assert values['y'].tolist() == list(y)
        assert values['x'].tolist() == list(x)
        assert (units, title) == ({'y': 'km', 'x': 'km', 'depth': 'm'}, data.BATHYMETRY.title)
        table = pandas.read_csv(f'{sea}/griddap/bathymetry.csvp{query}')
        depths = table.pivot(index='y (km)', columns='x (km)', values='depth (m)')
        numpy.testing.assert_array_equal(values['depth'], depths)


# ---- the grid and the tables over DAP: an address is opened as if it were a file

@pytest.mark.filterwarnings('ignore:PyDAP was unable to determine the DAP protocol:UserWarning')
def test_xarray_opens_the_grid_by_its_address(sea):
    for options in ({}, {'engine': 'netcdf4'}, {'engine': 'pydap'}):
        with xarray.open_dataset(sea + '/griddap/bathymetry', **options) as floor:
            assert dict(floor.sizes) == {'y': 40, 'x': 60}
            assert floor['depth'].sel(y=5, x=105) == 27.5
            assert int(floor['depth'].notnull().sum()) == 60
            assert floor['depth'].sel(x=slice(0, 20)).shape == (40, 2)
            assert (floor['depth'].attrs['units'], floor['y'].attrs['axis']) == ('m', 'Y')
            assert floor.attrs['title'] == data.BATHYMETRY.title


def test_netcdf4_opens_the_grid_and_the_tables_by_their_addresses(sea):
    with netCDF4.Dataset(sea + '/griddap/bathymetry') as grid:
        assert list(grid.variables) == ['y', 'x', 'depth']
        assert grid['depth'][0, 8:12:2].tolist() == [28.0, 27.5]
        assert grid['depth'][39, 59:].mask.tolist() == [True]
        assert grid['x'][58:].tolist() == [585.0, 595.0]
        assert (grid['depth'].units, grid.institution) == ('m', 'Mocean club')
    with netCDF4.Dataset(sea + '/tabledap/soundings') as table:
        assert table['s.depth'][:3].tolist() == [30.0, 29.75, 29.5]
        assert table['s.time'][0] == NOON


def test_pydap_opens_the_grid_and_the_tables_by_their_addresses(sea):
    grid = pydap.client.open_url(sea + '/griddap/bathymetry', protocol='dap2')
    assert list(grid.keys()) == ['y', 'x', 'depth']
    assert numpy.asarray(grid['x'][58:60].data).tolist() == [585.0, 595.0]
    assert numpy.asarray(grid['depth']['depth'][0:1, 8:12:2].data).tolist() == [[28.0, 27.5]]
    table = pydap.client.open_url(sea + '/tabledap/soundings', protocol='dap2')['s']
    assert list(table.keys()) == ['player', 'time', 'x', 'y', 'depth']
    rows = list(table.iterdata())
    assert len(rows) == 60
    assert rows[1] == ('ada', NOON + 1, 13.0, 5.0, 29.75)
    assert list(table[table['depth'] < 16]['depth'].iterdata()) == [15.75, 15.5, 15.25]


def as_file(column, name):
    """A column of a csv file as a NetCDF file has it: texts as bytes, times as seconds."""
    if name == 'player':
        return [text.encode() for text in column]
    if name == 'time':
        return [pandas.Timestamp(text).timestamp() for text in column]
    return column.tolist()


def columns_by_netcdf4(file):
    with netCDF4.Dataset(file) as table:
        table.set_auto_mask(False)
        table.set_auto_chartostring(False)
        return {name: plain_column(variable[:]) for name, variable in table.variables.items()}


def columns_by_scipy(file):
    with scipy.io.netcdf_file(file, mmap=False) as table:
        return {name: plain_column(variable[:]) for name, variable in table.variables.items()}


def columns_by_xarray(file):
    with xarray.open_dataset(file, engine='scipy', decode_times=False) as table:
        return {name: variable.values.tolist() for name, variable in table.variables.items()}


def plain_column(values):
    """Letters are one dimension more: they belong together."""
    if values.ndim == 2:
        return [b''.join(letters).rstrip(b'\0') for letters in values]
    return values.tolist()


@pytest.mark.parametrize('opened', [columns_by_netcdf4, columns_by_scipy, columns_by_xarray])
def test_every_library_reads_the_netcdf_file_of_a_table(sea, tmp_path, opened):
    for query, count in (('', 721), ('?&player="Zoë"', 360), ('?time,x&x<1', 6), ('?x&y=1', 1)):
        file = tmp_path / 'table.nc'
        reply = requests.get(f'{sea}/tabledap/tracks.nc{query}', timeout=10)
        assert reply.headers['Content-Type'] == 'application/x-netcdf'
        file.write_bytes(reply.content)
        columns = opened(file)
        wanted = pandas.read_csv(f'{sea}/tabledap/tracks.csvp{query}'.replace('ë', '%C3%AB'))
        assert list(columns) == [name.split()[0] for name in wanted.columns]
        for name, column in zip(columns, wanted, strict=True):
            assert len(columns[name]) == count
            assert columns[name] == as_file(wanted[column], name)


# ---- pandas, polars and curl, by hand

def test_pandas_reads_an_address_as_people_type_it(sea):
    url = sea + '/tabledap/tracks.csvp?player,time,x&player="ada"&time>=2026-01-01T12:59:00Z'
    assert len(pandas.read_csv(url)) == 6
    assert len(pandas.read_csv(sea + '/griddap/bathymetry.csvp')) == 2400
    assert pandas.read_json(sea + '/info/index.json', orient='index').shape[0] == 1


def test_polars_reads_the_files(sea):
    question = '/tabledap/tracks.csvp?player,time,x&player="ada"'
    table = polars.read_csv(requests.get(sea + question, timeout=10).content, try_parse_dates=True)
    assert table.shape == (360, 3)
    assert table['time (UTC)'].dtype.is_temporal()
    lines = polars.read_ndjson(requests.get(sea + question.replace('csvp', 'jsonlKVP'), timeout=10).content)
    assert lines['x'].to_list() == table['x (km)'].to_list()
    floor = polars.read_csv(requests.get(sea + '/griddap/bathymetry.tsvp', timeout=10).content, separator='\t')
    assert floor['depth (m)'].is_not_nan().sum() == 60


def test_pandas_reads_lines_of_json_and_means(sea):
    lines = pandas.read_json(sea + '/tabledap/soundings.jsonlKVP?player,depth', lines=True)
    assert lines['depth'].tolist() == [30 - i / 4 for i in range(60)]
    means = pandas.read_csv(sea + '/tabledap/soundings.csvp?time,depth&orderByMean("time/30seconds")')
    assert means['depth (m)'].tolist() == [26.375, 18.875]
    assert means['time (UTC)'].tolist() == ['2026-01-01T12:00:00Z', '2026-01-01T12:00:30Z']


def test_curl_reads_it(sea):
    assert shutil.which('curl'), 'this test needs curl'
    for query in ('tabledap/soundings.csv0?depth&x=3&player="ada"',
                  'tabledap/soundings.csv0?depth&x%3D3',
                  'griddap/bathymetry.csv0?depth[0][0]'):
        done = subprocess.run(['curl', '-sfg', f'{sea}/{query}'], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, query
        assert done.stdout.endswith('30.0\n')


# ---- an erddapy of 2023 beside the newest: what a grid is, they find out in different ways

OLD = '2.2.4'
OLD_NEEDS = [f'erddapy=={OLD}', 'httpx==0.28.*', 'httpcore==1.*', 'h11', 'anyio==4.*', 'idna', 'certifi', 'pytz',
             'typing_extensions']
LESSON = """
import json, sys
import erddapy
sea, results = sys.argv[1], {'version': erddapy.__version__}
e = erddapy.ERDDAP(server=sea, protocol='tabledap')
e.dataset_id, e.variables = 'tracks', ['player', 'time', 'x']
e.constraints = {'time>=': '2026-01-01T12:30:00Z', 'player=': 'ada'}
table = e.to_pandas()
results['table'] = [list(table.columns), table.values.tolist()]
results['names'] = sorted(set(e.to_pandas(distinct=True)['player']))
results['rows'] = e.to_xarray().sizes['row']
results['axes'] = sorted(e.get_var_by_attr('tracks', axis=lambda axis: axis in ('X', 'Y', 'T')))
e = erddapy.ERDDAP(server=sea, protocol='griddap')
e.dataset_id = 'bathymetry'
if not e.dim_names:
    e.griddap_initialize()
results['limits'] = {name: float(value) for name, value in e.constraints.items()}
results['variables'] = [e.dim_names, e.variables]
e.constraints.update({'y<=': 25, 'x>=': 100, 'x<=': 200})
floor = e.to_pandas()
results['floor'] = [list(floor.columns), floor.fillna(-1).values.tolist()]
results['grid'] = e.to_xarray()['depth'].fillna(-1).values.tolist()
e = erddapy.ERDDAP(server=sea)
results['search'] = e.get_search_url(search_for='sea floor', response='csv').split('?')[0]
print(json.dumps(results))
"""


@pytest.fixture(scope='session')
def old_erddapy():
    """A folder with that version and what only it needs, kept from one test run to the next."""
    cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache')
    folder = cache / 'mocean-tests' / f'erddapy-{OLD}'
    if not folder.exists():
        new = folder.with_name(f'{folder.name}.{os.getpid()}')
        subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--target', new, *OLD_NEEDS],
                       check=True, timeout=300)
        new.rename(folder)
    return folder


def lesson(sea, folder):
    path = [str(folder)] if folder else []
    done = subprocess.run([sys.executable, '-c', LESSON, sea], capture_output=True, text=True, timeout=120,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join(path)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_old_erddapy_and_the_newest_find_the_same(sea, old_erddapy):
    old, new = lesson(sea, old_erddapy), lesson(sea, None)
    assert old.pop('version') == OLD
    assert new.pop('version') == erddapy.__version__
    assert old == new
    assert len(new['table'][1]) == new['rows'] == 180
    assert new['limits'] == {'y>=': 5, 'y<=': 395, 'y_step': 1, 'x>=': 5, 'x<=': 595, 'x_step': 1}
    assert new['grid'][0][:2] == [27.5, 27.25]


# ---- R's rerddap 1.3.1: its very requests, and what it looks at in the answers
#
# Debian has no rerddap, so the tests replay what it sent (as written down from R 4.2 with rerddap 1.3.1), and check
# what its code checks. clients/data_4.R is run in a real R by hand: MOCEAN_R=1, see tests/test_data_survey.py.

JSON_HEADER = 'application/json;charset=UTF-8'          # compared to the byte


def r_list(reply):
    """info, ed_search and ed_datasets: a list of rows, each a list of texts."""
    assert reply.headers['Content-Type'] == JSON_HEADER
    table = reply.json()['table']
    assert all(isinstance(value, str) for row in table['rows'] for value in row)
    return [dict(zip(table['columnNames'], row, strict=True)) for row in table['rows']]


def r_info(reply):
    """info(): {variable: {attribute: value}}; the ranges are split at the comma."""
    rows = r_list(reply)
    assert [row['Variable Name'] for row in rows if row['Row Type'] == 'variable']
    ranges = {row['Variable Name']: row['Value'] for row in rows if row['Attribute Name'] == 'actual_range'}
    assert all(len([float(each) for each in text.split(',')]) == 2 for text in ranges.values())
    return sorted(ranges)


def r_types(reply):
    """tabledap() reads the dds as a table of two columns and takes the types from it, without the last letter."""
    words = [line.split() for line in reply.text.splitlines()]
    assert all(len(pair) == 2 for pair in words)
    return {name[:-1]: kind for kind, name in words[2:-2]}


def r_table(reply):
    """read.delim, sep = ",", the row of units left out."""
    return pandas.read_csv(io.StringIO(reply.text), skiprows=[1])


def r_ids(reply):
    return [row['Dataset ID'] for row in r_list(reply)]


def r_grid(reply):
    with netCDF4.Dataset('grid', memory=reply.content) as grid:
        return {name: len(grid.dimensions[name]) for name in grid.dimensions}, sorted(grid.variables)


REQUESTS = [        # as R sends it, how rerddap reads the answer, what it finds
    ('tabledap/index.json?page=1&itemsPerPage=10000', r_ids, ['tracks', 'soundings']),
    ('griddap/index.json?page=1&itemsPerPage=10000', r_ids, ['bathymetry']),
    ('search/index.json?searchFor=soundings', r_ids, ['soundings', 'bathymetry']),
    ('search/advanced.json?searchFor=boats&page=1&itemsPerPage=1000', r_ids, ['tracks']),
    ('info/bathymetry/index.json', r_info, ['depth', 'x', 'y']),
    ('info/tracks/index.json', r_info, ['time', 'x', 'y', 'z']),
    ('version', lambda reply: float(reply.text.split('=')[1]) < 2.25, True),        # it then asks for no parquet
    ('griddap/bathymetry.nc?depth%5B(%20%205):1:(395)%5D%5B(%20%205):1:(595)%5D', r_grid, (
        {'y': 40, 'x': 60}, ['depth', 'x', 'y'])),
    ('griddap/bathymetry.nc?depth%5B(last):1:(last)%5D%5B(%20%205):1:(595)%5D', r_grid, (
        {'y': 1, 'x': 60}, ['depth', 'x', 'y'])),
    ('griddap/bathymetry.nc?y%5B(%20%205):1:(395)%5D,x%5B(%20%205):1:(595)%5D', r_grid, (
        {'y': 40, 'x': 60}, ['x', 'y'])),
    ('griddap/bathymetry.csv?depth%5B(%20%205):2:(100)%5D%5B(last-50):2:(last%20%20%20)%5D',
     lambda reply: r_table(reply).shape, (18, 3)),
    ('tabledap/tracks.csv?player,time,x&player%3D%22ada%22&time%3E%3D2026-01-01T12%3A30%3A00Z&orderBy%28%22x%22%29',
     lambda reply: r_table(reply)['x'].is_monotonic_increasing, True),
    ('tabledap/tracks.csv?player,time,x&orderByMax%28%22player%2Ctime%22%29',
     lambda reply: len(r_table(reply)), 3),
    ('tabledap/tracks.csv?player,time,x&orderByMinMax%28%22player%2Ctime%22%29',
     lambda reply: len(r_table(reply)), 6),
    ('tabledap/tracks.csv?player&distinct%28%29&units%28%22UCUM%22%29',
     lambda reply: r_table(reply)['player'].tolist(), ['Zoë', 'ada', 'new']),
    ('tabledap/tracks.dds?player,time,x', r_types, {'player': 'String', 'time': 'Float64', 'x': 'Float64'}),
    ('tabledap/tracks.csv?&speed%3E5', lambda reply: 'Unrecognized constraint variable' in reply.text, True),
]


def test_what_rerddap_asks_is_answered_as_it_expects(sea):
    for request, read, found in REQUESTS:
        assert read(requests.get(f'{sea}/{request}', timeout=10)) == found, request
