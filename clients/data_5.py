"""How deep was it under each boat? New here: the server makes the means, one for each ten minutes.

It needs `pip install pandas matplotlib`. A million soundings become a table that fits on a page, before they travel.
"""
import sys

import matplotlib.pyplot as pyplot
import pandas

SERVER = sys.argv[1] if len(sys.argv) > 1 else 'http://localhost:8080'
EACH = '10minutes'               # try 1minute, or 1hour

url = f'{SERVER}/erddap/tabledap/soundings.csvp?player,time,depth&time>now-7days&orderByMean("player,time/{EACH}")'
table = pandas.read_csv(url, parse_dates=['time (UTC)'])
means = table.pivot(index='time (UTC)', columns='player', values='depth (m)')
print(means.round(1))

axes = means.plot(marker='o', figsize=(9, 5), title=f'Mean depth under each boat, every {EACH}')
axes.invert_yaxis()              # the deep is below
axes.set_ylabel('depth (m)')
axes.legend(loc='upper left', bbox_to_anchor=(1, 1))
axes.figure.savefig('means.png', bbox_inches='tight', dpi=140)
print('drawn: means.png')
