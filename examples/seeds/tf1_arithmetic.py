import tensorcore.tf.compat.v1 as tf

a = tf.constant(2, name='a')
b = tf.constant(3, name='b')
c = tf.add(a, b) # a+b
d = tf.multiply(a, b) #a*b

with tf.Session() as sess:
    print('a + b =', sess.run(c))
    print('a * b =', sess.run(d))
