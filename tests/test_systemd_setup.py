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


def test_all_is_right_for_a_user_of_any_name_and_home(vm):
    """Also where ~/.bashrc does not read ~/.bash_aliases. By hand the services are the same. The ocean goes on."""
    id, home = join(vm, 'Pi'), '/srv/people/pi'
    here = place(vm, id)
    vm.sh(f'mkdir -p {home[:-3]}; useradd -s /bin/bash -m -d {home} pi; echo > {home}/.bashrc; chmod 700 {home}; '
          'echo "pi ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/pi; '
          f'cp -r /home/ubuntu/mocean {home}/mocean; chown -R pi: {home}')
    try:
        assert '== Done' in vm.setup(name='pi')
        assert vm.sh(f'ps -o user= {vm.master()}') == 'pi' and place(vm, id) == here
        units = vm.sh('cd /etc/systemd/system; cat mocean.service steps.service')
        assert f'WorkingDirectory={home}\n' in units and '/home/ubuntu' not in units
        by_hand = re.search(r'^```sh\n((?:(?!```).)*tee.*?)^```', DOCS.read_text(), re.M | re.S)[1]
        vm.user('sudo rm /etc/systemd/system/{mocean,steps}.service\n' + by_hand, name='pi')
        assert vm.sh('cd /etc/systemd/system; cat mocean.service steps.service') == units
        assert 'the game went on' in vm.user('mocean_reload', name='pi')
        assert f'copied to {home}/backups/' in vm.user('mocean_backup', name='pi')
        assert 'ubuntu' not in vm.sh("cd /etc/systemd/system; grep -hv '^#' mocean@.* mocean-backup.*")
        assert 'tuesday is up' in vm.user('mocean_new tuesday', name='pi')
        vm.sh('systemctl start mocean-backup')
        assert vm.sh(f'ls {home}/backups | grep -c mocean-tuesday-') == '1'
        assert 'tuesday has ended' in vm.user('mocean_end tuesday', name='pi')
        told = vm.user('mocean_doctor', name='pi')
        assert [line for line in told.splitlines() if ' !!' in line and 'clock' not in line] == []
    finally:
        vm.sh('rm -rf /etc/sudoers.d/pi /var/lib/mocean-tuesday; systemctl stop mocean; userdel -r pi 2>/dev/null')
        vm.setup()
    assert vm.answers()


def test_where_there_is_no_ready_made_uwsgi_the_script_says_so_and_what_it_does(vm):
    """As on a 32-bit Raspberry Pi. Here the compiling must fail: there is nothing to compile."""
    vm.sh('mkdir /srv/away; mv /srv/wheels/pyuwsgi* /srv/away')
    try:
        said = vm.fails('~/miniconda/envs/mocean-env/bin/pip uninstall -qy pyuwsgi; '
                        f'PYTHON={vm.python} PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels bash ~/mocean/setup_vm.sh')
        assert 'There is no ready-made uWSGI for this machine' in said and 'Python 3.' in said
        assert '!! uWSGI could not be compiled: the lines above say why.' in said
    finally:
        vm.sh('mv /srv/away/* /srv/wheels; rmdir /srv/away')
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
