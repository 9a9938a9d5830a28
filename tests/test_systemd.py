"""The services on a real systemd: they start, stop, come back, and take turns."""
import pytest
from conftest import join, place, poll

pytestmark = pytest.mark.systemd


def test_the_units_have_no_mistake_and_few_holes(lab):
    units = '/etc/systemd/system/mocean.service /etc/systemd/system/steps.service'
    assert lab.sh(f'systemd-analyze verify {units} 2>&1') == ''
    for unit in 'mocean', 'steps':
        verdict = lab.sh(f'systemd-analyze security {unit}').splitlines()[-1]
        assert float(verdict.split()[verdict.split().index(f'{unit}.service:') + 1]) <= 2.5, verdict


def test_the_game_starts_with_the_vm(vm):
    assert vm.sh('systemctl is-enabled mocean') == 'enabled'
    vm.sh('printf "[Unit]\nRequires=basic.target\nAllowIsolate=yes\n" > /etc/systemd/system/almost-off.target')
    vm.sh('systemctl isolate almost-off.target')
    poll(lambda: vm.state() == 'inactive')
    vm.sh('systemctl isolate multi-user.target')
    assert vm.answers()


def test_a_stop_takes_a_moment_and_is_no_failure(vm):
    vm.sh('systemctl stop mocean', timeout=5)
    assert vm.state() == 'inactive' and not vm.answers()
    assert 'mocean halted: systemd says success, uwsgi exited with 0' in vm.journal()


def test_when_systemd_says_started_the_game_answers(vm):
    for _ in range(5):
        vm.sh('systemctl restart mocean')
        assert vm.answers()


def test_steps_and_mocean_take_turns_on_one_port(vm):
    vm.sh('systemctl start steps')
    assert (vm.state('steps'), vm.state('mocean')) == ('active', 'inactive')
    assert vm.answers('/steps') and not vm.answers('/health')
    vm.sh('systemctl start mocean')
    assert (vm.state('steps'), vm.state('mocean')) == ('inactive', 'active')
    assert vm.answers('/health')


def test_who_has_solved_a_step_is_known_in_both_games(vm):
    vm.sh('systemctl start steps')
    vm.say('/steps?message=passport&name=Both')
    assert 'Both' in vm.say('/progress')
    vm.sh('systemctl start mocean')
    assert 'Both' in vm.say('/progress')


def test_a_message_to_steps_can_be_seen_in_the_journal(vm):
    vm.sh('systemctl start steps')
    assert vm.say('/steps?message=hello%20wurlde') == 'welcome! You sent the steps game the message: hello wurlde'
    poll(lambda: '          Server received message: hello wurlde' in vm.journal('steps'))


def test_twenty_restarts_lose_nothing(vm):
    boats = {}
    for turn in range(20):
        id = join(vm, f'Restart{turn}')
        boats[id] = place(vm, id)
        vm.sh('systemctl restart mocean')
    assert {id: place(vm, id) for id in boats} == boats
    assert len(boats) == 20


def test_the_worker_keeps_to_one_core(vm):
    worker, _ = vm.children()
    allowed = vm.sh(f'grep Cpus_allowed_list /proc/{worker}/status').split()[1]
    assert allowed.isdigit(), allowed                # not a range, nor a list
