"""How deep was it under each boat? New here: the server makes means, one for each ten minutes.

It needs `pip install pandas matplotlib`. A million soundings become one page before they travel.
"""
import sys

import pandas

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
EACH = '10minutes'               # try 1minute, or 1hour

question = f'player,time,depth&time>now-7days&orderByMean("player,time/{EACH}")'
url = f'{SERVER}/erddap/tabledap/soundings.csvp?{question}'
table = pandas.read_csv(url, parse_dates=['time (UTC)'])
means = table.pivot(index='time (UTC)', columns='player', values='depth (m)')
print(means.round(1))

axes = means.plot(marker='o', figsize=(9, 5), title=f'Mean depth under each boat, every {EACH}')
axes.invert_yaxis()              # the deep is below
axes.set_ylabel('depth (m)')
axes.legend(loc='upper left', bbox_to_anchor=(1, 1))
axes.figure.savefig('means.png', bbox_inches='tight', dpi=140)
print('drawn: means.png')
