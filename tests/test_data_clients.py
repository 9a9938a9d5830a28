"""The programs that oceanographers use, unmodified, against a real server: erddapy, pandas, xarray, curl."""
import datetime
import shutil
import subprocess
import time
import urllib.error

import erddapy
import netCDF4
import numpy
import pandas
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


# ---- pandas and curl, by hand

def test_pandas_reads_an_address_as_people_type_it(sea):
    url = sea + '/tabledap/tracks.csvp?player,time,x&player="ada"&time>=2026-01-01T12:59:00Z'
    assert len(pandas.read_csv(url)) == 6
    assert len(pandas.read_csv(sea + '/griddap/bathymetry.csvp')) == 2400
    assert pandas.read_json(sea + '/info/index.json', orient='index').shape[0] == 1


def test_curl_reads_it(sea):
    assert shutil.which('curl'), 'this test needs curl'
    for query in ('tabledap/soundings.csv0?depth&x=3&player="ada"',
                  'tabledap/soundings.csv0?depth&x%3D3',
                  'griddap/bathymetry.csv0?depth[0][0]'):
        done = subprocess.run(['curl', '-sfg', f'{sea}/{query}'], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, query
        assert done.stdout.endswith('30.0\n')
