"""Every suite passes a right backend and fails each wrong one, in the tests that are about its fault.

The wrong backends are ordinary test files, `wrong_<capability>.py`, each run here once by a pytest of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@dataclass(slots=True)
class Outcome:
    """The names of one class's tests, without their parameters, by how they went; a name may be in both."""

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)


def outcomes(capability: str) -> dict[str, Outcome]:
    """Run all backends of a capability and sort what happened by class. The right one goes through the whole suite, a wrong one
    through the tests that are about its fault and those about its next neighbours'."""
    file = HERE / f"wrong_{capability}.py"
    backends = list(FAULTS[capability])
    chosen = ["TestRight"]
    for number, backend in enumerate(backends):
        near = [backends[(number + step) % len(backends)] for step in range(5)]
        tests = sorted(set().union(*(FAULTS[capability][one] for one in near)))
        chosen.append(f"({backend} and ({' or '.join(tests)}))")
    command = [sys.executable, "-m", "pytest", str(file), "-q", "--noconftest", "--tb=no", "-o", "addopts="]
    command += ["--import-mode=importlib", "-p", "bharat.testing.plugin", "-p", "no:cacheprovider"]
    command += ["-k", " or ".join(chosen)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        ended = subprocess.run(
            [*command, f"--junitxml={report}", f"--basetemp={folder}/pytest"],
            cwd=HERE.parents[1],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert ended.returncode in (0, 1), ended.stdout + ended.stderr
        cases = [*ET.parse(report).iter("testcase")]
    found: dict[str, Outcome] = defaultdict(Outcome)
    for case in cases:
        outcome = found[case.attrib["classname"].rpartition(".")[2]]
        name = case.attrib["name"].partition("[")[0]
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed.add(name)
        elif case.find("skipped") is not None:
            outcome.skipped.add(name)
        else:
            outcome.passed.add(name)
    return dict(found)


FAULTS: dict[str, dict[str, set[str]]] = {
    "storage": {
        "TestEscapesTheRoot": {"test_no_method_takes_a_bad_key"},
        "TestServesAHalfWrittenFile": {
            "test_a_reader_sees_the_old_file_or_the_new",
            "test_an_interrupted_put_leaves_nothing",
            "test_an_interrupted_put_leaves_the_old_file",
            "test_nothing_shows_of_an_upload_under_way",
        },
        "TestIgnoresTheChecksum": {
            "test_a_wrong_checksum_leaves_the_old_file",
            "test_a_wrong_checksum_stores_nothing",
        },
        "TestHoldsTheFileInMemory": {"test_memory_does_not_grow_with_the_file"},
        "TestSweepsAnUploadUnderWay": {"test_a_sweep_leaves_a_young_upload"},
        "TestSweepsWhatAPutNeeds": {"test_a_sweep_beside_puts_fails_none_of_them"},
        "TestNeverSweeps": {"test_a_sweep_removes_an_abandoned_upload"},
        "TestCountsTheEndOfARangeIn": {"test_a_range_gives_exactly_its_bytes"},
        "TestListsBySegments": {"test_a_prefix_matches_characters"},
        "TestForgetsTheDisplayName": {"test_the_display_name_is_kept_as_given"},
        "TestItsLinksGiveAnyFile": {
            "test_a_presigned_url_gives_no_other_file",
            "test_a_presigned_put_takes_no_other_name",
        },
        "TestLeavesAnEmptyRangeUnclosed": {"test_a_range_without_bytes_can_be_closed_like_any_other"},
        "TestItsLinksNeverExpire": {"test_a_presigned_url_expires"},
        "TestCompletesUnseen": {"test_an_upload_with_another_checksum_is_never_stored"},
        "TestPublishesUploadsAtOnce": {"test_nothing_shows_of_an_upload_before_it_is_completed"},
    },
    "sessions": {
        "TestKeepsTheToken": {"test_no_token_is_kept", "test_no_token_is_told"},
        "TestForgetsTheIdleExpiry": {"test_an_idle_session_expires", "test_nothing_is_left_of_an_expired_session"},
        "TestUseOutlivesTheAbsoluteExpiry": {"test_no_use_lets_a_session_outlive_its_absolute_expiry"},
        "TestLosesAConcurrentChange": {"test_concurrent_changes_of_different_fields_are_all_kept"},
        "TestResurrectsADeletedSession": {"test_no_request_in_flight_brings_a_deleted_session_back"},
        "TestAnOldTokenOutlivesItsRotation": {"test_rotation_gives_a_new_token_and_kills_the_old"},
        "TestARotationStaysInItsEpoch": {"test_rotation_can_move_a_session_to_another_epoch"},
        "TestARotationEscapesTheRevocation": {"test_no_rotation_in_flight_escapes_the_revocation_of_all"},
        "TestRevokesAnothersSession": {
            "test_nobody_revokes_another_s_session",
            "test_revoking_all_is_for_one_user_of_one_organisation",
            "test_users_and_organisations_do_not_see_each_other",
        },
        "TestALostStoreLogsOut": {"test_a_store_that_does_not_answer_is_an_error_never_a_logout"},
        "TestListsTheOldestFirst": {"test_a_list_holds_the_user_s_sessions_newest_first"},
    },
    "locks": {
        "TestForgetsTheTtl": {"test_an_expired_lease_hands_the_lock_over", "test_an_expired_lease_is_lost"},
        "TestLetsANonOwnerRelease": {
            "test_a_stale_release_does_not_free_the_new_holder_s_lock",
            "test_nobody_but_the_owner_releases",
        },
        "TestLooksAndThenTakes": {"test_of_many_who_ask_at_once_one_gets_the_lock"},
        "TestCountsItsOwnFences": {"test_fences_rise_with_every_acquisition", "test_the_fence_comes_from_the_platform"},
        "TestRenewsALostLease": {
            "test_a_lease_that_another_took_over_can_t_be_renewed",
            "test_an_expired_lease_is_lost",
            "test_nobody_but_the_owner_renews",
        },
        "TestNeverRenews": {"test_renewal_gives_a_full_ttl_from_now"},
        "TestDoesNotWait": {"test_waiting_is_bounded", "test_who_waits_is_woken_by_the_release"},
        "TestIssuesTheFenceBeforeItHoldsTheLock": {"test_fences_rise_in_the_order_of_holding"},
        "TestIsReEntrant": {"test_a_lock_is_not_re_entrant"},
    },
    "limits": {
        "TestEveryHitLengthensTheWindow": {"test_a_window_begins_with_the_first_hit_and_no_other"},
        "TestReadsAndThenWrites": {"test_counting_is_exact_under_concurrency"},
        "TestTakesWhatThereIs": {"test_a_take_is_all_or_nothing"},
        "TestGivesBackMoreThanWasCounted": {"test_a_hit_that_is_given_back_was_not_counted"},
        "TestGivesBackTheWindowToo": {"test_a_hit_that_is_given_back_leaves_the_window"},
    },
    "cache": {
        "TestForgetsTheTtl": {
            "test_a_value_does_not_outlive_its_ttl",
            "test_a_computed_value_does_not_outlive_its_ttl",
        },
        "TestEveryoneComputes": {"test_a_stampede_computes_once"},
        "TestStopsEverybody": {"test_a_caller_that_is_made_to_stop_stops_no_other"},
        "TestBringsBackWhatWasDeleted": {
            "test_what_is_changed_while_it_is_computed_stays_so",
            "test_who_asks_after_a_change_does_not_wait_for_what_was_begun_before",
        },
        "TestMarksWhatItChangesForItselfAlone": {"test_what_another_process_changes_while_it_is_computed_stays_so"},
        "TestClearsAtTheEnd": {"test_closing_takes_nothing_from_another_process"},
        "TestKeepsAFailure": {"test_a_failed_computation_reaches_every_caller_and_keeps_nothing"},
        "TestRaisesWhenItIsAway": {"test_a_cache_that_does_not_answer_is_a_miss"},
        "TestClearsTheNeighbour": {"test_clear_leaves_what_is_not_ours"},
    },
    "mail": {
        "TestInventsItsOwnIds": {"test_the_message_id_is_kept", "test_a_mail_sent_again_carries_the_same_id"},
        "TestLetsLineBreaksThrough": {"test_nobody_adds_headers_by_a_line_break"},
        "TestSendsToEverybody": {"test_what_is_not_one_address_is_refused"},
    },
    "jobs": {
        "TestIgnoresHints": {"test_a_hint_starts_the_job_at_once"},
        "TestTrustsHintsAlone": {"test_a_job_whose_hint_was_lost_is_found"},
        "TestPollsOnlyWhenHintsCease": {"test_hints_do_not_keep_a_worker_from_asking"},
        "TestServesOneQueue": {"test_a_worker_serves_all_its_queues"},
        "TestServesTheQueuesOfOthers": {"test_a_worker_leaves_other_queues_alone"},
        "TestSleepsThroughTheStop": {"test_an_idle_worker_stops_promptly"},
        "TestNeverRests": {"test_a_worker_without_work_rests"},
        "TestFinishesTheQueueBeforeItStops": {"test_a_busy_worker_finishes_the_job_at_hand_and_stops"},
        "TestFailsTheCallerWhenItIsDown": {"test_a_hint_never_fails"},
        "TestCountsEveryHintItEverGot": {"test_depth_counts_what_waits_by_queue"},
    },
    "vectors": {
        "TestComparesOnlyTheDimension": {
            "test_an_index_refuses_another_embedding",
            "test_recreating_for_another_embedding_leaves_none_of_the_first",
        },
        "TestLooksOnceWhoseTheIndexIs": {"test_another_process_sees_what_this_one_does"},
        "TestFiltersAfterwards": {"test_what_is_out_of_reach_takes_no_place"},
        "TestFindsEverybodys": {"test_a_scope_with_keys_reaches_what_has_one_of_them"},
        "TestKnowsRecordsByTheirIdAlone": {
            "test_organisations_do_not_find_each_other_s",
            "test_a_record_of_another_type_is_another",
        },
        "TestForgetsOnARestart": {"test_it_survives_a_restart"},
        "TestMakesAnIndexByItself": {"test_at_first_there_is_no_index"},
        "TestScansByPosition": {"test_a_scan_goes_on_while_what_it_met_is_deleted"},
        "TestScansByTheTimeOfWriting": {"test_a_scan_goes_on_while_what_it_met_is_written_anew"},
        "TestFindsNothingWhenItIsAway": {"test_a_backend_that_does_not_answer_is_said_to_be_unavailable"},
        "TestWritesPartOfABadBatch": {"test_a_vector_that_can_t_be_is_refused"},
        "TestTakesASlugForAName": {"test_an_index_refuses_another_embedding"},
    },
    "embeddings": {
        "TestDoesNotNormalise": {"test_a_vector_has_the_dimension_and_unit_length"},
        "TestLosesTheOrder": {"test_each_text_has_a_vector_in_order"},
        "TestIsAnotherInEachProcess": {"test_the_same_text_has_the_same_vector_on_every_node"},
        "TestLeavesOutWhatIsEmpty": {"test_any_text_has_a_vector"},
        "TestEmbedsTheFirstHundred": {"test_many_texts_are_embedded_at_once"},
        "TestTellsTheTexts": {"test_a_model_that_does_not_answer_is_said_to_be_unavailable"},
    },
}


# One test for all of a capability's backends: they are run once, whichever process of the tests gets it.
@pytest.mark.parametrize("capability", FAULTS)
def test_the_suite_passes_the_right_backend_and_fails_each_wrong_one(capability: str) -> None:
    found, faults = outcomes(capability), FAULTS[capability]
    right = found.pop("TestRight")
    assert right.failed == set()
    assert len(right.passed) > 10
    if capability == "cache":
        assert right.skipped == set()
    assert len(faults) >= (5 if capability in ("storage", "sessions", "locks", "jobs") else 2)
    assert set(found) == set(faults)
    undetected = {backend: missed for backend in faults if (missed := faults[backend] - found[backend].failed)}
    assert undetected == {}
    wrong_in_everything = [backend for backend, outcome in found.items() if not outcome.passed - outcome.failed]
    assert wrong_in_everything == [], "a backend that fails everything shows nothing about its one fault"
