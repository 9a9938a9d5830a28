"""/openapi.json says what is true: schemathesis makes calls of it, right and wrong ones, and looks at the answers."""
import json
import os
import subprocess
import sys

import pytest
from conftest import Server, crowd

import mocean

PLAYERS = 200
# What a rule finds wrong with a call that could be read: no way to go, more cells than the hull makes in a second.
CONFIG = '''
[[operations]]
include-name = ["GET /dive", "GET /move"]
checks.positive_data_acceptance.enabled = false
'''


@pytest.fixture
def class_of_many(tmp_path):
    """A real server, and the ids of its players."""
    folder = tmp_path / 'state'
    ids = crowd(folder, PLAYERS)
    server = Server('mocean', folder).start()
    server.ids = ids
    yield server
    server.kill()


def test_the_interface_is_as_it_says(class_of_many, tmp_path):
    """All checks of schemathesis: statuses, kinds, schemas, what should be taken and what should not."""
    document = class_of_many('/openapi.json').json()
    for path in document['paths'].values():
        for parameter in path['get']['parameters']:
            if parameter['name'] == 'id' and 'pattern' in parameter['schema']:
                parameter['schema'] = {'type': 'string', 'enum': class_of_many.ids}
    (tmp_path / 'openapi.json').write_text(json.dumps(document))
    (tmp_path / 'schemathesis.toml').write_text(CONFIG)
    told = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), 'schemathesis'), '--config-file', 'schemathesis.toml', 'run',
         'openapi.json', '--url', class_of_many.url, '--checks', 'all', '--phases', 'examples,coverage,fuzzing',
         '--max-examples', os.environ.get('MOCEAN_EXAMPLES', '15'), '--seed', '1', '--workers', '4', '--no-color',
         '--continue-on-failure'], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert 'bug' not in class_of_many.log()


def test_every_route_stands_in_it_with_every_way_to_be_refused(say):
    document = say('/openapi.json').json()
    assert set(document['paths']) >= {f'/{route.name}' for route in mocean.ROUTES}
    for path in document['paths'].values():
        assert set(path['get']['responses']) == {'200', '400', '404', '405', '409', '429', '500', '503'}
