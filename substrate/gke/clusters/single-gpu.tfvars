# The cheapest cluster with a GPU: one zone, one small node, and an L4 only while a model is awake.
project = "CHANGE-ME"
region  = "europe-west4"
zones   = ["europe-west4-a"]
name    = "single-gpu"

authorised_networks = {} # me = "203.0.113.7/32"

cpu_pool = { min = 1, max = 3 }
gpu_pool = { max = 1 }
