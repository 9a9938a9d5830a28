"""docs/server.md, done: the set-up script, and the same by hand; and the drop-in for a venv elsewhere."""
import re

import pytest
from conftest import ROOT, join, place, poll

pytestmark = pytest.mark.systemd
DOCS = ROOT / 'docs' / 'server.md'
EVERY_DAY = ROOT / 'docs' / 'everyday.md'
EMPTY_AGAIN = """
    systemctl disable --quiet --now mocean; systemctl stop steps
    cd /home/ubuntu; rm -rf miniconda steps.py mocean.py data.py captain.py mocean.env .bash_aliases backups
    rm -rf /etc/systemd/system/mocean.service /etc/systemd/system/steps.service /var/lib/mocean
    systemctl daemon-reload"""


def test_the_set_up_script_can_run_twice(vm):
    id = join(vm, 'Twice')
    here, master = place(vm, id), vm.master()
    for _ in range(2):
        said = vm.setup()
        steps = [line for line in said.splitlines() if line.startswith('== ')]
        assert steps == [line for line in DOCS.read_text().splitlines() if line.startswith('== ')]
        assert 'Done' in steps[-1]
    assert place(vm, id) == here and vm.master() == master
    assert vm.sh('grep -c bash_aliases /home/ubuntu/.bash_aliases') == '1'
    assert vm.sh('stat -c "%a %U" /var/lib/mocean') == '700 ubuntu'
    assert vm.sh('stat -c "%a %U" /home/ubuntu/mocean.env') == '600 ubuntu'
    assert vm.sh('grep -c ^MOCEAN_CAPTAIN= /home/ubuntu/mocean.env') == '1'
    said = vm.user('mocean_captain')
    key = vm.sh('sed -n s/^MOCEAN_CAPTAIN=//p /home/ubuntu/mocean.env')
    assert len(key) == 19 and key in said and f'/captain?key={key}' not in said
    assert 'opens with the key' in vm('/captain') and 'Twice,0' in vm(f'/captain?key={key}&order=roster')
    assert key not in vm.sh('ps -eo args') and key not in vm.sh('journalctl --no-pager --unit mocean')


def test_the_set_up_script_leaves_a_program_of_ones_own_alone(vm):
    vm.sh('cd /home/ubuntu; rm steps.py; echo "# mine" > steps.py')
    try:
        assert 'steps.py is a file of your own' in vm.setup()
        assert vm.sh('cat /home/ubuntu/steps.py') == '# mine'
    finally:
        vm.sh('ln -sfn /home/ubuntu/mocean/steps.py /home/ubuntu/steps.py')


def test_the_set_up_script_renews_a_unit_that_is_not_the_projects(vm):
    id = join(vm, 'Renewed')
    here = place(vm, id)
    vm.sh('echo "# an older one" >> /etc/systemd/system/mocean.service')
    vm.setup()
    assert 'an older one' not in vm.sh('cat /etc/systemd/system/mocean.service')
    assert place(vm, id) == here


def test_the_set_up_script_leaves_steps_on_in_the_weeks_of_steps(vm):
    vm.sh('systemctl disable --quiet mocean; systemctl enable --quiet steps; systemctl start steps')
    try:
        assert 'welcome' in vm.setup()
        assert vm.state('steps') == 'active' and vm.sh('systemctl is-enabled mocean', check=False) == 'disabled'
        assert 'steps starts with the VM' in vm.user('mocean_doctor')
        vm.sh('systemctl enable --quiet mocean')
        assert 'sudo systemctl disable steps' in vm.user('mocean_doctor')
    finally:
        vm.sh('systemctl disable --quiet steps; systemctl enable --quiet mocean; systemctl start mocean')


def test_the_steps_by_hand_lead_to_the_same(vm):
    """Every ```sh block of docs/server.md, typed in order on the machine as it was at first."""
    blocks = re.findall(r'^```sh\n(.*?)^```', DOCS.read_text(), re.M | re.S)
    assert len(blocks) == 5
    vm.sh(EMPTY_AGAIN)
    try:
        said = vm.user('export PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels; ' + f'python3() {{ {vm.python} "$@"; }}\n'
                       + '\n'.join(blocks))
        assert said.endswith('ok,0,0,this is the first run')
        assert vm.user('type -t mocean_why') == 'function'
        assert vm.sh('systemctl is-enabled mocean') == 'enabled'
        vm.user('steps_start')
        assert vm.answers('/steps')
    finally:
        vm.sh(EMPTY_AGAIN)
        vm.setup()
    poll(vm.answers)


def test_the_services_by_hand_are_right_for_a_user_of_any_name(vm):
    """The block of docs/server.md that installs them, typed by another user."""
    block = next(block for block in re.findall(r'^```sh\n(.*?)^```', DOCS.read_text(), re.M | re.S) if 'tee' in block)
    vm.sh('useradd -m teacher; echo "teacher ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/teacher; '
          'cp -r /home/ubuntu/mocean /home/teacher/mocean; chown -R teacher: /home/teacher/mocean')
    vm.put('/home/teacher/block', block)
    try:
        vm.sh('cd /home/teacher; runuser -u teacher -- env HOME=/home/teacher bash block')
        for game in 'mocean', 'steps':
            unit = vm.sh(f'cat /etc/systemd/system/{game}.service')
            assert 'User=teacher' in unit and 'WorkingDirectory=/home/teacher' in unit and '/home/ubuntu' not in unit
    finally:
        vm.sh('rm /etc/sudoers.d/teacher; userdel -r teacher 2>/dev/null')
        vm.setup()
    assert vm.answers()


def test_a_venv_elsewhere_needs_one_line(vm):
    """The drop-in that docs/everyday.md shows."""
    dropin = EVERY_DAY.read_text().partition('```ini\n')[2].partition('```')[0]
    assert dropin.count('\n') == 2, dropin
    vm.user(f'{vm.python} -m venv ~/mocean-venv; ~/mocean-venv/bin/pip install -q --no-index '
            '--find-links /srv/wheels -r ~/mocean/requirements-vm.txt')
    vm.sh('mkdir -p /etc/systemd/system/mocean.service.d')
    vm.put('/etc/systemd/system/mocean.service.d/override.conf', dropin)
    try:
        vm.user('mocean_daemon; mocean_restart')
        assert '/home/ubuntu/mocean-venv/bin/uwsgi' in vm.user('mocean_ps')
        assert vm.answers()
    finally:
        vm.sh('rm -r /etc/systemd/system/mocean.service.d; systemctl daemon-reload; systemctl restart mocean')
