"""A map of the club's tracks. New here: erddapy, which writes the URL, and matplotlib, which draws.

It needs `pip install erddapy matplotlib`. Change the lines in capitals, and it draws the tracks
of another server: docs/data.md shows how, with the robots of a real ocean.
"""
import sys

import matplotlib.pyplot as pyplot
from erddapy import ERDDAP

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
DATASET = 'tracks'
WHO, EAST, NORTH = 'player', 'x', 'y'
SINCE = 'now-7days'
SEAM = 100               # a longer step is no step: there the boat went over the edge of the map
PICTURE = 'tracks.png'

e = ERDDAP(server=f'{SERVER}/erddap', protocol='tabledap')
e.dataset_id = DATASET
e.variables = [WHO, 'time', EAST, NORTH]
e.constraints = {'time>=': SINCE}
table = e.to_pandas()
who, time, east, north = table.columns                   # the same names with their units: 'x (km)'
print(f'{len(table)} places from {table[time].min()} to {table[time].max()}')

pyplot.style.use('petroff10')                            # ten colours that everybody can tell apart
figure, axes = pyplot.subplots(figsize=(9, 6))
for name, track in table.groupby(who):
    colour = axes.plot([], label=name)[0].get_color()
    jumps = (track[[east, north]].diff().abs() > SEAM).any(axis='columns')
    for _, leg in track.groupby(jumps.cumsum()):         # with each jump a new line begins
        axes.plot(leg[east], leg[north], color=colour, linewidth=1)
axes.set(xlabel=east, ylabel=north, title=f'{DATASET} since {table[time].min()}', aspect='equal')
axes.legend(title=who, loc='upper left', bbox_to_anchor=(1, 1))
figure.savefig(PICTURE, bbox_inches='tight', dpi=140)
print('drawn:', PICTURE)
