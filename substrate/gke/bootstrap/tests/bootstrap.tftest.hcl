# What must stay true of the state's bucket, with no cloud: the provider's answers are made up, its
# schema is that of substrate/tests/provider-google.

mock_provider "google" {}

variables {
  project = "example-project"
  region  = "europe-west4"
}

run "nobody_else_reads_the_state" {
  command = apply

  assert {
    condition     = module.state_bucket.bucket.public_access_prevention == "enforced"
    error_message = "module.state_bucket.bucket.public_access_prevention: no grant can open it to the Internet"
  }
  assert {
    condition     = module.state_bucket.bucket.uniform_bucket_level_access
    error_message = "module.state_bucket.bucket.uniform_bucket_level_access: no object is open by an access list of its own"
  }
}

run "the_state_is_not_lost" {
  command = apply

  assert {
    condition     = module.state_bucket.bucket.versioning[0].enabled
    error_message = "module.state_bucket.bucket.versioning: a state that was overwritten can be brought back"
  }
  assert {
    condition     = !module.state_bucket.bucket.force_destroy
    error_message = "module.state_bucket.bucket.force_destroy: one with a state in it is not destroyed"
  }
  assert {
    condition     = module.state_bucket.bucket.soft_delete_policy[0].retention_duration_seconds == 90 * 24 * 60 * 60
    error_message = "module.state_bucket.bucket.soft_delete_policy: what is deleted can be brought back for 90 days"
  }
  assert {
    condition     = length(module.state_bucket.bucket.retention_policy) == 0
    error_message = "module.state_bucket.bucket.retention_policy: it would exclude versions, and block the state's lock"
  }
  assert {
    condition     = one(one(module.state_bucket.bucket.lifecycle_rule).action).type == "Delete" && one(one(module.state_bucket.bucket.lifecycle_rule).condition).with_state == "ARCHIVED" && one(one(module.state_bucket.bucket.lifecycle_rule).condition).days_since_noncurrent_time == 90
    error_message = "module.state_bucket.bucket.lifecycle_rule: deleted is what was replaced 90 days ago, and nothing else"
  }
}

run "where_it_is" {
  command = apply

  assert {
    condition     = module.state_bucket.bucket.location == "europe-west4" && module.state_bucket.bucket.project == "example-project"
    error_message = "module.state_bucket.bucket.location, project: as asked for"
  }
  assert {
    condition     = output.state_bucket == "example-project-tofu-state"
    error_message = "output.state_bucket: the name that scripts/substrate gives to `tofu init`"
  }
}

run "refuses_a_placeholder" {
  command = plan
  variables {
    project = "CHANGE-ME"
  }
  expect_failures = [var.project]
}
