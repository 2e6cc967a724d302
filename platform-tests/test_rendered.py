"""Every cluster, as it is in this checkout."""

import applications
import autoscaling
import cross_checks
import delivery
import front_door
import gpu_queues
import identity
import inference_services
import observability
import request_path
import secrets_table
import strict_schemas
import waits


def test_no_object_has_a_field_that_its_kind_has_not(platform):
    assert strict_schemas.findings(platform) == []


def test_the_objects_fit_each_other(platform):
    assert cross_checks.findings(platform) == []


def test_argo_cd_can_bring_it_up(platform):
    assert delivery.findings(platform) == []


def test_a_request_finds_its_way(platform):
    assert request_path.findings(platform) == []


def test_prometheus_finds_what_it_measures(platform):
    assert observability.findings(platform) == []


def test_what_asks_for_gpus_gets_them(platform):
    assert gpu_queues.findings(platform) == []


def test_each_wait_is_shorter_than_the_one_around_it(platform):
    assert waits.findings(platform) == []


def test_models_are_scaled_by_what_is_measured(platform):
    assert autoscaling.findings(platform) == []


def test_people_find_their_way(platform):
    assert front_door.findings(platform) == []


def test_people_can_sign_in_and_only_so(platform):
    assert identity.findings(platform) == []


def test_applications_have_their_keys_models_and_data(platform):
    assert applications.findings(platform) == []


def test_each_secret_is_in_the_table(platform):
    assert secrets_table.findings(platform) == []


def test_kserve_makes_what_we_say_and_no_more(platform):
    assert inference_services.findings(platform) == []
