"""The steps after scoring, without a model: calibration, pairs, stages, confounds."""
