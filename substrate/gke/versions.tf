terraform {
  required_version = ">= 1.10.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }

  # Bucket and prefix come from `make tf-plan`: `-backend-config=bucket=...`.
  backend "gcs" {}
}

provider "google" {
  project = var.project
  region  = var.region
}
