"""The sea floor once more, opened as if it were a file. New here: xarray, which asks by DAP.

It needs `pip install xarray netCDF4 matplotlib`. Only what is used travels over the network.
"""
import sys

import matplotlib.pyplot as pyplot
import xarray

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'

floor = xarray.open_dataset(SERVER + '/erddap/griddap/bathymetry')
depth = floor['depth']
print(f'{depth.count().item()} squares sounded, their mean depth is {depth.mean().item():.1f} m')

figure, axes = pyplot.subplots(figsize=(9, 6))
depth.plot(ax=axes, cmap='viridis_r', cbar_kwargs={'shrink': 0.72}).colorbar.ax.invert_yaxis()
axes.set(aspect='equal', title='The sea floor, by xarray over DAP')
figure.savefig('sea_floor_xarray.png', bbox_inches='tight', dpi=140)
