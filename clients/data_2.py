"""A map of the club's tracks. New here: erddapy, which writes the URL, and matplotlib, which draws.

It needs `pip install erddapy matplotlib`. Change the lines in capitals, and it draws the tracks of another server:
docs/data.md shows how, with the robots of a real ocean.
"""
import sys

import matplotlib.pyplot as pyplot
from erddapy import ERDDAP

SERVER = sys.argv[1] + '/erddap' if len(sys.argv) > 1 else 'http://localhost:8080/erddap'
DATASET = 'tracks'
WHO, EAST, NORTH = 'player', 'x', 'y'
SINCE = 'now-7days'
SEAM = 100               # a longer step is no step: there the boat went over the edge of the map
PICTURE = 'tracks.png'

e = ERDDAP(server=SERVER, protocol='tabledap')
e.dataset_id = DATASET
e.variables = [WHO, 'time', EAST, NORTH]
e.constraints = {'time>=': SINCE}
table = e.to_pandas(response='csv', skiprows=[1])        # line 1 has the units
print(f'{len(table)} places from {table["time"].min()} to {table["time"].max()}')

figure, axes = pyplot.subplots(figsize=(9, 6))
for name, track in table.groupby(WHO):
    jump = (track[EAST].diff().abs() > SEAM) | (track[NORTH].diff().abs() > SEAM)
    track = track.mask(jump)                             # a gap in the line
    axes.plot(track[EAST], track[NORTH], linewidth=1, label=name)
axes.set(xlabel=EAST, ylabel=NORTH, title=f'{DATASET} since {SINCE}', aspect='equal')
axes.legend(fontsize='small', loc='upper left', bbox_to_anchor=(1, 1))
figure.savefig(PICTURE, bbox_inches='tight')
print('drawn:', PICTURE)
