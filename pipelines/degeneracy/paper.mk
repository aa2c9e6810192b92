# Sizes of the paper: 50 networks of 128 units a point; trials, batches, rates, budgets and thresholds are the tasks'
# presets, which are the paper's (appendix G). Its figures cannot be read as numbers, so the values of the factors are
# ours, around those that the text names.
SEEDS ?= 0:50

TASKS.complexity := flipflop delayed-discrimination sine path-integration
TASKS.gamma := flipflop delayed-discrimination sine path-integration
TASKS.width := flipflop delayed-discrimination sine path-integration
TASKS.nuclear := flipflop delayed-discrimination sine path-integration
TASKS.l1 := flipflop delayed-discrimination sine path-integration
TASKS.delay := delayed-discrimination
TASKS.auxiliary := delayed-discrimination

VALUES.complexity.flipflop := 2,3,4,5
VALUES.complexity := 1,2,3,4
VALUES.gamma := 0.5,1,2,4
VALUES.width := 64,128,256,512
VALUES.nuclear := 0,0.0001,0.0003,0.001
VALUES.l1 := 0,0.00001,0.0001,0.001
VALUES.delay := 10,20,30,40
VALUES.auxiliary := false,true

TRAIN.flipflop := --units 128
TRAIN.delayed-discrimination := --units 128
TRAIN.sine := --units 128
TRAIN.path-integration := --units 128

TRAIN.width := --gamma 4

# Trials of other delays have other lengths, for which no common delay of the embedding can be chosen. The paper does not
# say what it does; ten steps are the shortest delay of the task.
COMPARE.delay := --delay 10
