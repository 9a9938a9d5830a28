"""The sea floor, as the club sounded it. New here: a grid, a picture with colours. Ten lines."""
import sys

import matplotlib.pyplot as pyplot
from erddapy import ERDDAP

e = ERDDAP((sys.argv[1] if sys.argv[1:] else 'http://localhost:8080') + '/erddap', 'griddap')
e.dataset_id = 'bathymetry'
floor = e.to_pandas().pivot(index='y (km)', columns='x (km)', values='depth (m)')
pyplot.pcolormesh(floor.columns, floor.index, floor, cmap='viridis_r')
pyplot.colorbar(label='depth (m)', shrink=0.72).ax.invert_yaxis()       # the deep is below
pyplot.gca().set(xlabel='x (km)', ylabel='y (km)', aspect='equal', title='The sea floor so far')
pyplot.savefig('sea_floor.png', bbox_inches='tight', dpi=140)
