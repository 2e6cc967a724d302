# A private bucket out of which nothing is lost by mistake. Cloud Storage refuses a retention policy
# on a bucket with versions (and one would block the state's lock file), so what retains here is
# soft delete plus versions.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

variable "name" {
  type = string
}

variable "project" {
  type = string
}

variable "location" {
  type = string
}

variable "labels" {
  type    = map(string)
  default = {}
}

variable "retention_days" {
  description = "How long a replaced or deleted object can be brought back."
  type        = number
}

resource "google_storage_bucket" "this" {
  name                        = var.name
  project                     = var.project
  location                    = var.location
  labels                      = var.labels
  force_destroy               = false # one with anything in it is not destroyed
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = var.retention_days * 24 * 60 * 60
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.retention_days
      with_state                 = "ARCHIVED"
    }
  }
}

# Whole, so that each configuration can be held to what it must be.
output "bucket" {
  value = google_storage_bucket.this
}
