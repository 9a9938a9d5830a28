"""Who has measured how often, and how deep? New here: a table is a URL.

It needs `pip install pandas`.
"""
import sys

import pandas

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'

# The question stands after the ?: three columns with commas between them, then & and a condition.
table = pandas.read_csv(f'{SERVER}/erddap/tabledap/soundings.csvp?player,time,depth&time>now-7days')

print('The last soundings of this week:')
print(table.tail())
print('\nEach player: how many, the shallowest, the deepest, the mean:')
print(table.groupby('player')['depth (m)'].agg(['count', 'min', 'max', 'mean']).round(1))
