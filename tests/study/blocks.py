"""A study file whose arm chooses between schedules, with nothing wrong."""

BLOCKS = """\
study: blocks
question: Which schedule?
data: {source: miniature, task: captions}
objective: val/mean_recall
arms:
  - name: a
    method: contrastive
    forbid:
      - {train.lr: "> 0.001", train.batch: [64, 128]}
      - {schedule.beta: ">= 0.8", schedule: variance_sim}
    points:
      - {train.lr: 0.0005, schedule: fixed}
      - {schedule: entropy_out, schedule.beta: 0.9}
    space:
      train.lr: {log_uniform: [1e-4, 1e-2]}
      train.weight_decay: {tied: train.lr, times: 0.1}
      train.batch: {choice: [32, 64, 128]}
      train.warmup_epochs: {choice: [0, 1], when: {schedule: [variance_sim, entropy_out]}}
      schedule:
        choice:
          - fixed
          - name: variance_sim
            schedule.beta: {uniform: [0.1, 0.9]}
            schedule.gamma: {uniform: [0.5, 1.0]}
            schedule.a_min: {tied: schedule.gamma, times: 0.1}
            schedule.total: base_plus
          - {name: entropy_out, schedule.beta: {choice: [0.1, 0.9]}}
search: {trials: 8}
pruner: none
"""
