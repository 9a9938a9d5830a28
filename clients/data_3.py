"""The sea floor, as the club has sounded it. New here: a grid, and a picture with colours. Ten lines."""
import sys

import matplotlib.pyplot as pyplot
from erddapy import ERDDAP

e = ERDDAP(server=sys.argv[1] + '/erddap' if len(sys.argv) > 1 else 'http://localhost:8080/erddap', protocol='griddap')
e.dataset_id = 'bathymetry'
floor = e.to_pandas().pivot(index='y (km)', columns='x (km)', values='depth (m)')
pyplot.pcolormesh(floor.columns, floor.index, floor, cmap='viridis_r')
pyplot.colorbar(label='depth (m)', shrink=0.72).ax.invert_yaxis()       # the deep is below
pyplot.gca().set(xlabel='x (km)', ylabel='y (km)', aspect='equal', title='The sea floor as the club knows it')
pyplot.savefig('sea_floor.png', bbox_inches='tight', dpi=140)
