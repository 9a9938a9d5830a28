"""Your first program in Mocean: one move. Run it, look at the map, change it, run it again."""
import requests

# ----- filled in by the server -----
SERVER = 'http://localhost:8080'
ID = 'your-id'
TASK = 'row one cell in any direction'
# -----------------------------------

print('Your quest when you got this program:', TASK)

reply = requests.get(f'{SERVER}/move', params={'id': ID, 'heading': 'north'}, timeout=10)
print(reply.text)            # x,y,z: where you are now; or what was wrong, and what to try instead

# Now you: go east instead of north. Then: 'steps': 5 makes five cells in one call.
# What is your quest now? Get this program anew, or ask for /quest?id=... in the browser.
