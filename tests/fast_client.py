"""Run a client on fast_sea.py: it does not sleep, it winds the clock of the sea.

    python fast_client.py CLIENT SERVER [ARGUMENTS]
"""
import runpy
import sys
import time

import requests

program, server = sys.argv[1:3]


def wind(seconds):
    requests.get(f'{server}/wind', params={'seconds': f'{seconds:.6f}'}, timeout=10).raise_for_status()


time.sleep = wind
sys.argv[:] = sys.argv[1:]
runpy.run_path(program, run_name='__main__')
