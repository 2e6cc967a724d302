# The bucket that holds the state of everything else. Its own state is a local file that may be
# lost: the bucket can be imported again, and the file holds nothing secret.

terraform {
  required_version = ">= 1.10.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }

  backend "local" {}
}

variable "project" {
  description = "The project that everything is created in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project id: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where the bucket is."
  type        = string
}

provider "google" {
  project = var.project
  region  = var.region
}

module "state_bucket" {
  source = "../modules/bucket"

  name           = "${var.project}-tofu-state"
  project        = var.project
  location       = var.region
  retention_days = 90
  labels         = { "managed-by" = "opentofu" }
}

output "state_bucket" {
  description = "What `make tf-plan` reads and writes its state in."
  value       = module.state_bucket.bucket.name
}
