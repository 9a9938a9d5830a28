"""The sea floor, as the club sounded it. New here: a grid, a picture with colours. Ten lines."""
import sys

import matplotlib.pyplot as pyplot
from erddapy import ERDDAP

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'

e = ERDDAP(f'{SERVER}/erddap', 'griddap')
e.dataset_id = 'bathymetry'
floor = e.to_pandas().pivot(index='y (km)', columns='x (km)', values='depth (m)')
pyplot.pcolormesh(floor.columns, floor.index, floor, cmap='viridis_r')
pyplot.colorbar(label='depth (m)', shrink=0.72).ax.invert_yaxis()       # the deep is below
pyplot.gca().set(xlabel='x (km)', ylabel='y (km)', aspect='equal', title='The sea floor so far')
pyplot.savefig('sea_floor.png', bbox_inches='tight', dpi=140)
